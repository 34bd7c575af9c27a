#ifndef METRONOME_RUNTIME_TEXT_ENCODING_BYTE_ALPHABET_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_BYTE_ALPHABET_H_

#include <string>

#include "absl/strings/string_view.h"

namespace metronome::text {

// GPT-2's reversible map from bytes to printable characters: printable Latin-1 stands for itself, every other byte for
// U+0100 and up.
void AppendBytesAsAlphabet(absl::string_view bytes, std::string& text);

// Appends the bytes that a text over the alphabet stands for. A text with any other character stands for its own bytes.
void AppendAlphabetAsBytes(absl::string_view text, std::string& bytes);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_BYTE_ALPHABET_H_
