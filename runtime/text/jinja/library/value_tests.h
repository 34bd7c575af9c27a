#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_VALUE_TESTS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_VALUE_TESTS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// Whether Jinja has a test of this name.
bool IsTest(absl::string_view name);

// value is name(arguments). InvalidArgument for a name that Jinja does not have.
absl::StatusOr<bool> ApplyTest(Rendering& rendering, absl::string_view name, const Value& value, Arguments arguments);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_VALUE_TESTS_H_
