#include "runtime/text/encoding/characters.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>

#include "runtime/text/encoding/utf8.h"

namespace metronome::text {
namespace {

bool InCategories(char32_t c, uint32_t mask) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0; }

bool InRange(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

}  // namespace

bool IsWhiteSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

bool IsNumeric(char32_t c) { return InCategories(c, U_GC_N_MASK); }

bool IsPunctuation(char32_t c) {
  const bool ascii = InRange(c, '!', '/') || InRange(c, ':', '@') || InRange(c, '[', '`') || InRange(c, '{', '~');
  return ascii || InCategories(c, U_GC_P_MASK);
}

bool IsMark(char32_t c) { return InCategories(c, U_GC_M_MASK); }

bool IsNonSpacingMark(char32_t c) { return InCategories(c, U_GC_MN_MASK); }

bool IsOther(char32_t c) { return InCategories(c, U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK); }

bool IsIdeograph(char32_t c) {
  return InRange(c, 0x4e00, 0x9fff) || InRange(c, 0x3400, 0x4dbf) || InRange(c, 0x20000, 0x2a6df) ||
         InRange(c, 0x2a700, 0x2b73f) || InRange(c, 0x2b740, 0x2b81f) || InRange(c, 0x2b920, 0x2ceaf) ||
         InRange(c, 0xf900, 0xfaff) || InRange(c, 0x2f800, 0x2fa1f);
}

bool IsWord(char32_t c) {
  const auto character = static_cast<UChar32>(c);
  return InCategories(c, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK) ||
         u_hasBinaryProperty(character, UCHAR_ALPHABETIC) || u_hasBinaryProperty(character, UCHAR_JOIN_CONTROL);
}

char32_t CharacterAt(absl::string_view text, size_t at) {
  auto i = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_NEXT_OR_FFFD(reinterpret_cast<const uint8_t*>(text.data()), i, static_cast<int32_t>(text.size()), c);
  return static_cast<char32_t>(c);
}

char32_t CharacterBefore(absl::string_view text, size_t at) {
  auto i = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_PREV_OR_FFFD(reinterpret_cast<const uint8_t*>(text.data()), 0, i, c);
  return static_cast<char32_t>(c);
}

size_t NextCharacter(absl::string_view text, size_t at) {
  do ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

size_t PreviousCharacter(absl::string_view text, size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

void AppendLowercase(absl::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size(); at = NextCharacter(text, at)) {
    const char32_t c = CharacterAt(text, at);
    // The only character whose lower case is two: I with a dot above.
    out += c == 0x130 ? "i\u0307" : EncodeUtf8(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
  }
}

void AppendMapped(absl::string_view text, const std::function<char32_t(char32_t)>& map, std::string& out) {
  for (size_t at = 0; at < text.size(); at = NextCharacter(text, at)) {
    if (const char32_t mapped = map(CharacterAt(text, at)); mapped != kNoCharacter) out += EncodeUtf8(mapped);
  }
}

}  // namespace metronome::text
