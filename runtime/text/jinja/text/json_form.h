#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_JSON_FORM_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_JSON_FORM_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"

namespace metronome::text::jinja {

// The options of json.dumps.
struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // A line for each item, so much further in.
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

// json.dumps(value). TypeError for what JSON does not have.
absl::StatusOr<std::string> ToJson(Rendering& rendering, const Value& value, const JsonStyle& style);

// The value of a JSON text, objects in their order. `name` is what errors call it; InvalidArgument for what is not JSON
// or nests deeper than values may, Unimplemented for integers beyond 64 bits.
absl::StatusOr<Value> FromJson(absl::string_view text, absl::string_view name);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_JSON_FORM_H_
