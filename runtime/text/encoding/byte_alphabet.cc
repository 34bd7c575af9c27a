#include "runtime/text/encoding/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "runtime/text/encoding/utf8.h"

namespace metronome::text {
namespace {

// 256 characters, the 68 bytes that are not printable being U+0100 to U+0143.
constexpr char32_t kEnd = 0x144;

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kEnd> bytes;  // By code point, -1 for characters outside the alphabet.

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      const char32_t character = printable ? static_cast<char32_t>(byte) : next++;
      characters[byte] = EncodeUtf8(character);
      bytes[character] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& GetAlphabet() {
  static const Alphabet* const kAlphabet = new Alphabet;
  return *kAlphabet;
}

// The code point of a one or two byte character, kEnd for longer ones.
char32_t ShortCodePoint(absl::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(character[i])); };
  if (character.size() == 1) return byte(0);
  return character.size() == 2 ? (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f) : kEnd;
}

}  // namespace

void AppendBytesAsAlphabet(absl::string_view bytes, std::string& text) {
  const Alphabet& alphabet = GetAlphabet();
  for (const char byte : bytes) text += alphabet.characters[static_cast<unsigned char>(byte)];
}

void AppendAlphabetAsBytes(absl::string_view text, std::string& bytes) {
  const size_t start = bytes.size();
  for (absl::string_view rest = text; !rest.empty();) {
    const absl::string_view character = rest.substr(0, Utf8CharacterSize(rest));
    const char32_t code_point = character.empty() ? kEnd : ShortCodePoint(character);
    const int16_t byte = code_point < kEnd ? GetAlphabet().bytes[code_point] : int16_t{-1};
    if (byte < 0) {
      bytes.resize(start);
      bytes.append(text.data(), text.size());
      return;
    }
    bytes += static_cast<char>(byte);
    rest.remove_prefix(character.size());
  }
}

}  // namespace metronome::text
