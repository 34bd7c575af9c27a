#ifndef METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_NAME_CHECK_H_
#define METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_NAME_CHECK_H_

#include "absl/status/status.h"
#include "runtime/text/jinja/syntax/syntax_tree.h"

namespace metronome::text::jinja {

// InvalidArgument for a filter or test that Jinja does not have, wherever it is in the template, but directly within an
// `if`, where Jinja complains only when it gets there.
absl::Status CheckNames(const Body& body);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_NAME_CHECK_H_
