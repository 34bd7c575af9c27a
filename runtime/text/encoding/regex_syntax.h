#ifndef METRONOME_RUNTIME_TEXT_ENCODING_REGEX_SYNTAX_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_REGEX_SYNTAX_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::text {

// Rewrites a regular expression of tokenizer.json, which is in Oniguruma's dialect with Unicode semantics, so that
// PCRE2 finds the same matches: \s, \d and \w by the Unicode properties Oniguruma gives them, scripts without their
// extensions. Both dialects agree on what is left as it is.
//
// Unimplemented, with the byte offset, for constructs that PCRE2 would read differently (nested and intersected
// classes, back references, word boundaries, flags other than i, ...). Whether the result compiles is for PCRE2 to say.
// Source: Oniguruma doc/RE, pcre2pattern(3).
absl::StatusOr<std::string> OnigurumaToPcre2(absl::string_view pattern);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_REGEX_SYNTAX_H_
