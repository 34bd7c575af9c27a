#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_GETTER_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_GETTER_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

// What filters take from an item: a path such as "function.name" or 0, and what to do with what it leads to.
struct Getter {
  std::vector<Value> path;
  bool ignore_case = false;      // Text becomes lower case.
  std::optional<Value> missing;  // In place of undefined values.

  absl::StatusOr<Value> Get(Rendering& rendering, Value item) const;
};

// The getter of an argument `attribute`; None leads to the item itself.
Getter GetterOf(const Value& attribute, bool ignore_case);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_GETTER_H_
