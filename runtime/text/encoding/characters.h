#ifndef METRONOME_RUNTIME_TEXT_ENCODING_CHARACTERS_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_CHARACTERS_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace metronome::text {

// Classes of characters, as HuggingFace tokenizers takes them from Rust.
bool IsWhiteSpace(char32_t c);   // The property White_Space.
bool IsNumeric(char32_t c);      // Decimal digits, letters that are numbers, and other numbers.
bool IsPunctuation(char32_t c);  // The general categories P, and all of ASCII's.
bool IsMark(char32_t c);         // The general categories M.
bool IsNonSpacingMark(char32_t c);
bool IsOther(char32_t c);      // Control, format and private use; not what is unassigned.
bool IsIdeograph(char32_t c);  // What BERT calls Chinese.

// \w of UTS #18, annex C: alphabetic characters, marks, decimal digits, connectors and joiners.
bool IsWord(char32_t c);

// The character that begins at `at`, or ends there. `text` must be UTF-8 and have one there.
char32_t CharacterAt(absl::string_view text, size_t at);
char32_t CharacterBefore(absl::string_view text, size_t at);

// Where the character at `at` ends, or that before `at` begins.
size_t NextCharacter(absl::string_view text, size_t at);
size_t PreviousCharacter(absl::string_view text, size_t at);

// Every character in lower case for itself, whatever stands around it. Appends.
void AppendLowercase(absl::string_view text, std::string& out);

// Given by a map for a character that is left out.
inline constexpr char32_t kNoCharacter = 0xffffffff;

// Appends what `map` makes of every character.
void AppendMapped(absl::string_view text, const std::function<char32_t(char32_t)>& map, std::string& out);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_CHARACTERS_H_
