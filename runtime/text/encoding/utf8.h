#ifndef METRONOME_RUNTIME_TEXT_ENCODING_UTF8_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace metronome::text {

inline constexpr absl::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD.

// Bytes of the well-formed UTF-8 character at the start of `text`; 0 if there is none. Overlong forms and surrogates
// are not well-formed.
size_t Utf8CharacterSize(absl::string_view text);

bool IsUtf8(absl::string_view text);

// The offset of the first byte that is not part of a well-formed character; the size of `text` if there is none.
size_t Utf8ErrorOffset(absl::string_view text);

// Replaces each maximal ill-formed part by U+FFFD, as the Unicode standard recommends and Rust's from_utf8_lossy does.
std::string ToUtf8Lossy(absl::string_view bytes);

// How many bytes at the end of `bytes` begin a character that more bytes could complete: 0 to 3.
size_t UnfinishedUtf8Suffix(absl::string_view bytes);

std::string EncodeUtf8(char32_t character);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_UTF8_H_
