#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_UNICODE_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_UNICODE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace metronome::text::jinja {

// Characters as Python's str sees them. All text is well-formed UTF-8.

int64_t CodePointCount(absl::string_view text);

// The byte offset of the code point `index`, in [0, count]; that of the end for the count itself.
size_t ByteOffset(absl::string_view text, int64_t index);

// The code point at byte `offset`, which moves past it.
char32_t NextCodePoint(absl::string_view text, size_t& offset);
// The code point that ends before byte `offset`, which moves to its start.
char32_t PreviousCodePoint(absl::string_view text, size_t& offset);

// str.isspace: Unicode's White_Space and the separators U+001C to U+001F.
bool IsSpace(char32_t c);
// What repr leaves as it is.
bool IsPrintable(char32_t c);
bool IsAlphabetic(char32_t c);    // A letter: category L.
bool IsDecimal(char32_t c);       // Category Nd.
bool IsDigit(char32_t c);         // Decimals, and superscripts and the like.
bool IsNumeric(char32_t c);       // Anything with a numeric value.
bool IsAlphanumeric(char32_t c);  // Any of these.
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
bool IsTitle(char32_t c);
bool IsIdentifierStart(char32_t c);
bool IsIdentifierPart(char32_t c);
// Where str.splitlines ends a line.
bool IsLineBreak(char32_t c);

// Full case mappings, free of locales.
std::string ToUpper(absl::string_view text);
std::string ToLower(absl::string_view text);
std::string FoldCase(absl::string_view text);
std::string ToTitle(absl::string_view text);     // str.title: each run of letters with case.
std::string Capitalize(absl::string_view text);  // str.capitalize.
std::string SwapCase(absl::string_view text);

absl::string_view StripSpace(absl::string_view text, bool left, bool right);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_UNICODE_H_
