#include "runtime/text/jinja/text/unicode.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "runtime/text/encoding/utf8.h"

namespace metronome::text::jinja {
namespace {

UChar32 Code(char32_t c) { return static_cast<UChar32>(c); }

UNumericType NumericType(char32_t c) {
  return static_cast<UNumericType>(u_getIntPropertyValue(Code(c), UCHAR_NUMERIC_TYPE));
}

icu::UnicodeString Unicode(absl::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

std::string Utf8(const icu::UnicodeString& text) {
  std::string bytes;
  text.toUTF8String(bytes);
  return bytes;
}

bool IsCased(char32_t c) { return IsUpper(c) || IsLower(c) || IsTitle(c); }

// The title form of one character; full mappings have it where it differs from a single character's.
std::string TitleOf(absl::string_view character) {
  size_t offset = 0;
  const char32_t c = NextCodePoint(character, offset);
  const char32_t title = static_cast<char32_t>(u_totitle(Code(c)));
  if (title != c) return EncodeUtf8(title);
  icu::UnicodeString text = Unicode(character);
  return Utf8(text.toTitle(nullptr, icu::Locale::getRoot()));
}

}  // namespace

int64_t CodePointCount(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
}

size_t ByteOffset(absl::string_view text, int64_t index) {
  size_t offset = 0;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  U8_FWD_N(bytes, offset, text.size(), index);
  return offset;
}

char32_t NextCodePoint(absl::string_view text, size_t& offset) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT_OR_FFFD(bytes, offset, text.size(), c);
  return static_cast<char32_t>(c);
}

char32_t PreviousCodePoint(absl::string_view text, size_t& offset) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto position = static_cast<int32_t>(offset);
  UChar32 c = 0;
  U8_PREV_OR_FFFD(bytes, 0, position, c);
  offset = static_cast<size_t>(position);
  return static_cast<char32_t>(c);
}

bool IsSpace(char32_t c) { return u_isUWhiteSpace(Code(c)) || (c >= 0x1c && c <= 0x1f); }

bool IsPrintable(char32_t c) {
  if (c == ' ') return true;
  constexpr uint32_t kOther = U_GC_C_MASK | U_GC_Z_MASK;
  return (U_GET_GC_MASK(Code(c)) & kOther) == 0;
}

bool IsAlphabetic(char32_t c) { return (U_GET_GC_MASK(Code(c)) & U_GC_L_MASK) != 0; }
bool IsDecimal(char32_t c) { return NumericType(c) == U_NT_DECIMAL; }
bool IsDigit(char32_t c) { return NumericType(c) == U_NT_DECIMAL || NumericType(c) == U_NT_DIGIT; }
bool IsNumeric(char32_t c) { return NumericType(c) != U_NT_NONE; }
bool IsAlphanumeric(char32_t c) { return IsAlphabetic(c) || IsNumeric(c); }
bool IsUpper(char32_t c) { return u_isUUppercase(Code(c)); }
bool IsLower(char32_t c) { return u_isULowercase(Code(c)); }
bool IsTitle(char32_t c) { return u_istitle(Code(c)); }
bool IsIdentifierStart(char32_t c) { return c == '_' || u_hasBinaryProperty(Code(c), UCHAR_XID_START); }
bool IsIdentifierPart(char32_t c) { return u_hasBinaryProperty(Code(c), UCHAR_XID_CONTINUE); }

bool IsLineBreak(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

std::string ToUpper(absl::string_view text) {
  icu::UnicodeString unicode = Unicode(text);
  return Utf8(unicode.toUpper(icu::Locale::getRoot()));
}

std::string ToLower(absl::string_view text) {
  icu::UnicodeString unicode = Unicode(text);
  return Utf8(unicode.toLower(icu::Locale::getRoot()));
}

std::string FoldCase(absl::string_view text) {
  icu::UnicodeString unicode = Unicode(text);
  return Utf8(unicode.foldCase());
}

std::string ToTitle(absl::string_view text) {
  const std::string lower = ToLower(text);
  std::string title;
  bool in_word = false;
  // Lower case is mapped for the whole text, since a final sigma depends on what follows it. Where that changes the
  // number of characters each is mapped alone.
  const bool aligned = CodePointCount(lower) == CodePointCount(text);
  size_t from = 0, lower_from = 0;
  while (from < text.size()) {
    size_t to = from, lower_to = lower_from;
    const char32_t c = NextCodePoint(text, to);
    if (aligned) NextCodePoint(lower, lower_to);
    const absl::string_view character = text.substr(from, to - from);
    if (!in_word) {
      title += TitleOf(character);
    } else if (aligned) {
      title += lower.substr(lower_from, lower_to - lower_from);
    } else {
      title += ToLower(character);
    }
    in_word = IsCased(c);
    from = to;
    lower_from = lower_to;
  }
  return title;
}

std::string Capitalize(absl::string_view text) {
  if (text.empty()) return "";
  size_t first = 0;
  NextCodePoint(text, first);
  const std::string lower = ToLower(text);
  size_t lower_first = ToLower(text.substr(0, first)).size();
  return TitleOf(text.substr(0, first)) + lower.substr(std::min(lower_first, lower.size()));
}

std::string SwapCase(absl::string_view text) {
  std::string swapped;
  for (size_t from = 0; from < text.size();) {
    size_t to = from;
    const char32_t c = NextCodePoint(text, to);
    const absl::string_view character = text.substr(from, to - from);
    swapped += IsUpper(c) ? ToLower(character) : IsLower(c) ? ToUpper(character) : std::string(character);
    from = to;
  }
  return swapped;
}

absl::string_view StripSpace(absl::string_view text, bool left, bool right) {
  size_t begin = 0, end = text.size();
  for (size_t next = 0; left && begin < end && IsSpace(NextCodePoint(text, next));) begin = next;
  for (size_t previous = end; right && previous > begin && IsSpace(PreviousCodePoint(text, previous));) end = previous;
  return text.substr(begin, end - begin);
}

}  // namespace metronome::text::jinja
