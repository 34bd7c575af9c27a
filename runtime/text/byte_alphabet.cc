#include "runtime/text/byte_alphabet.h"

#include <array>

#include "absl/container/flat_hash_map.h"
#include "runtime/text/utf8.h"

namespace metronome {
namespace {

struct Alphabet {
  std::array<std::string, 256> characters;
  absl::flat_hash_map<std::string, char> bytes;

  Alphabet() {
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      characters[byte] = EncodeUtf8(printable ? static_cast<char32_t>(byte) : next++);
      bytes[characters[byte]] = static_cast<char>(byte);
    }
  }
};

const Alphabet& GetAlphabet() {
  static const Alphabet* const kAlphabet = new Alphabet;
  return *kAlphabet;
}

}  // namespace

std::string BytesToAlphabet(absl::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += GetAlphabet().characters[static_cast<unsigned char>(byte)];
  return text;
}

std::string AlphabetToBytes(absl::string_view text) {
  std::string bytes;
  for (absl::string_view rest = text; !rest.empty();) {
    const size_t size = Utf8CharacterSize(rest);
    const auto found =
        size == 0 ? GetAlphabet().bytes.end() : GetAlphabet().bytes.find(std::string(rest.substr(0, size)));
    if (found == GetAlphabet().bytes.end()) return std::string(text);
    bytes += found->second;
    rest.remove_prefix(size);
  }
  return bytes;
}

}  // namespace metronome
