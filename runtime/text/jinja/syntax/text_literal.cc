#include "runtime/text/jinja/syntax/text_literal.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/jinja/text/unicode.h"

namespace metronome::text::jinja {
namespace {

// The character of `\x41`, `\u0041` or `\U00000041`, whose digits `text` begins with.
absl::StatusOr<std::string> Coded(absl::string_view text, size_t digits) {
  uint32_t code = 0;
  const absl::string_view form = text.substr(0, digits);
  const auto read = std::from_chars(form.data(), form.data() + form.size(), code, 16);
  if (form.size() < digits || read.ec != std::errc() || read.ptr != form.data() + digits)
    return absl::InvalidArgumentError("truncated escape in a string");
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return absl::InvalidArgumentError(absl::StrFormat("the escape of U+%04X, which is no character", code));
  return EncodeUtf8(static_cast<char32_t>(code));
}

// A backslash before a character that is not ASCII stays, and the codec spells the character out.
std::string SpelledOut(char32_t c) {
  const auto code = static_cast<uint32_t>(c);
  if (code < 0x100) return absl::StrFormat("\\x%02x", code);
  return code < 0x10000 ? absl::StrFormat("\\u%04x", code) : absl::StrFormat("\\U%08x", code);
}

}  // namespace

absl::StatusOr<std::string> UnescapeText(absl::string_view literal) {
  static constexpr absl::string_view kEscapes = "\n\\'\"abfnrtv";
  static constexpr absl::string_view kMeanings[] = {"", "\\", "'", "\"", "\a", "\b", "\f", "\n", "\r", "\t", "\v"};
  std::string text;
  while (true) {
    const size_t backslash = literal.find('\\');
    absl::StrAppend(&text, literal.substr(0, backslash));
    if (backslash == absl::string_view::npos || backslash + 1 == literal.size()) return text;
    literal.remove_prefix(backslash + 1);
    const char c = literal[0];
    if (const size_t known = kEscapes.find(c); known != absl::string_view::npos) {
      absl::StrAppend(&text, kMeanings[known]);
      literal.remove_prefix(1);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      ASSIGN_OR_RETURN(const std::string character, Coded(literal.substr(1), digits));
      text += character;
      literal.remove_prefix(1 + digits);
    } else if (c >= '0' && c <= '7') {
      size_t size = 0;
      char32_t code = 0;
      for (; size < std::min<size_t>(3, literal.size()) && literal[size] >= '0' && literal[size] <= '7'; ++size)
        code = code * 8 + static_cast<char32_t>(literal[size] - '0');
      text += EncodeUtf8(code);
      literal.remove_prefix(size);
    } else if (c == 'N') {
      return absl::UnimplementedError("characters by name (\\N)");
    } else {
      size_t size = 0;
      const char32_t character = NextCodePoint(literal, size);
      // "\\" + "\xe9" is an escaped backslash to the codec, so the rest of the spelling is text.
      absl::StrAppend(&text, "\\",
                      character < 0x80 ? std::string(literal.substr(0, size)) : SpelledOut(character).substr(1));
      literal.remove_prefix(size);
    }
  }
}

}  // namespace metronome::text::jinja
