#ifndef METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_TEXT_LITERAL_H_
#define METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_TEXT_LITERAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::text::jinja {

// What a literal between quotes means: Python's unicode-escape codec, which leaves unknown escapes alone.
// InvalidArgument for an escape that is cut short or names no character; Unimplemented for \N{...}.
absl::StatusOr<std::string> UnescapeText(absl::string_view literal);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_TEXT_LITERAL_H_
