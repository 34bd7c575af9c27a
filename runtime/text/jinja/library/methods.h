#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_METHODS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_METHODS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

// The method or attribute that Python's type has under this name; nullopt if it has none. Those that change a list or
// dict are undefined, as in the sandbox. Unimplemented, by name, for what Python has and this library lacks.
absl::StatusOr<std::optional<Value>> FindMethod(const Value& value, absl::string_view name);

// The sandbox's answer: undefined, and an error once it is used.
Value UnsafeAttribute(const Value& value, absl::string_view name);

// The methods of text, lists and tuples, and dicts; nullopt for another name. `value` has that kind.
std::optional<Value> FindTextMethod(const Value& value, absl::string_view name);
std::optional<Value> FindSequenceMethod(const Value& value, absl::string_view name);
std::optional<Value> FindDictMethod(const Value& value, absl::string_view name);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_METHODS_H_
