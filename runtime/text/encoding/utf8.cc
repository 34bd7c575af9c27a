#include "runtime/text/encoding/utf8.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace metronome::text {
namespace {

// What may follow a lead byte (Unicode standard, table 3-7): the number of bytes, and the range of the second.
struct Lead {
  size_t size = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xbf;
};

Lead ClassifyLead(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte >= 0xc2 && byte <= 0xdf) return {2};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {3};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte >= 0xf1 && byte <= 0xf3) return {4};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0};
}

// The bytes at the start of `text` that begin a well-formed character; `complete` if they are all of it.
size_t WellFormedPrefix(absl::string_view text, bool& complete) {
  const Lead lead = ClassifyLead(static_cast<uint8_t>(text[0]));
  size_t good = lead.size == 0 ? 0 : 1;
  for (; good > 0 && good < lead.size && good < text.size(); ++good) {
    const auto byte = static_cast<uint8_t>(text[good]);
    const uint8_t least = good == 1 ? lead.second_min : 0x80, greatest = good == 1 ? lead.second_max : 0xbf;
    if (byte < least || byte > greatest) break;
  }
  complete = lead.size > 0 && good == lead.size;
  return good;
}

}  // namespace

size_t Utf8CharacterSize(absl::string_view text) {
  if (text.empty()) return 0;
  bool complete = false;
  const size_t size = WellFormedPrefix(text, complete);
  return complete ? size : 0;
}

size_t Utf8ErrorOffset(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t size = Utf8CharacterSize(text.substr(at));
    if (size == 0) break;
    at += size;
  }
  return at;
}

bool IsUtf8(absl::string_view text) { return Utf8ErrorOffset(text) == text.size(); }

size_t UnfinishedUtf8Suffix(absl::string_view bytes) {
  for (size_t count = 1; count <= std::min<size_t>(3, bytes.size()); ++count) {
    const absl::string_view suffix = bytes.substr(bytes.size() - count);
    if (ClassifyLead(static_cast<uint8_t>(suffix[0])).size == 0) continue;
    bool complete = false;
    return WellFormedPrefix(suffix, complete) == count && !complete ? count : 0;
  }
  return 0;
}

std::string ToUtf8Lossy(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    bool complete = false;
    const size_t size = WellFormedPrefix(bytes, complete);
    absl::StrAppend(&text, complete ? bytes.substr(0, size) : kReplacementCharacter);
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return text;
}

std::string EncodeUtf8(char32_t c) {
  std::string text;
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xc0 | (c >> 6));
    text += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xe0 | (c >> 12));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    text += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    text += static_cast<char>(0xf0 | (c >> 18));
    text += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    text += static_cast<char>(0x80 | (c & 0x3f));
  }
  return text;
}

}  // namespace metronome::text
