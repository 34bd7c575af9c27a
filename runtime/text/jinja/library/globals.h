#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_GLOBALS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_GLOBALS_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

// The functions that every template has: range, dict, namespace, cycler, joiner, lipsum (Unimplemented when called),
// and HuggingFace's raise_exception and strftime_now. Nullopt for another name.
std::optional<Value> FindGlobal(absl::string_view name);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_GLOBALS_H_
