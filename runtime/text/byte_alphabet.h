#ifndef METRONOME_RUNTIME_TEXT_BYTE_ALPHABET_H_
#define METRONOME_RUNTIME_TEXT_BYTE_ALPHABET_H_

#include <string>

#include "absl/strings/string_view.h"

namespace metronome {

// GPT-2's reversible map from bytes to printable characters: printable Latin-1 stands for itself, every other byte for
// U+0100 and up.
std::string BytesToAlphabet(absl::string_view bytes);

// The bytes that a text over the alphabet stands for. A text with any other character stands for its own bytes.
std::string AlphabetToBytes(absl::string_view text);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_BYTE_ALPHABET_H_
