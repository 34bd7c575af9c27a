#include "runtime/files/cbor_shape.h"

#include <cstdint>
#include <vector>

namespace metronome {
namespace {

// The kinds of items that matter here; the others end with their head.
enum Major : uint8_t { kBytes = 2, kText = 3, kList = 4, kMap = 5, kTag = 6 };

struct Head {
  uint8_t major = 0;
  uint64_t argument = 0;  // A length, a count, or a value.
};

// Takes the head of an item off the bytes. False where they end, or for a length that is not known.
bool ReadHead(absl::string_view& bytes, Head& head) {
  if (bytes.empty()) return false;
  const auto first = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  head = {.major = static_cast<uint8_t>(first >> 5), .argument = first & 31u};
  if (head.argument < 24) return true;
  if (head.argument > 27) return false;
  const size_t size = size_t{1} << (head.argument - 24);
  if (bytes.size() < size) return false;
  head.argument = 0;
  for (size_t i = 0; i < size; ++i) head.argument = head.argument << 8 | static_cast<uint8_t>(bytes[i]);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

bool IsShallowCbor(absl::string_view bytes, size_t max_depth) {
  std::vector<uint64_t> open = {1};  // Items to come: of the whole, and of each list or map that is not complete.
  while (!open.empty()) {
    if (open.back() == 0) {
      open.pop_back();
      continue;
    }
    --open.back();
    Head head;
    if (!ReadHead(bytes, head) || head.major == kTag) return false;
    if (head.major < kBytes || head.major > kTag) continue;
    if (head.argument > bytes.size()) return false;  // Each element of a list takes a byte at least.
    if (head.major == kBytes || head.major == kText) {
      bytes.remove_prefix(head.argument);
      continue;
    }
    if (open.size() > max_depth) return false;
    open.push_back(head.major == kMap ? 2 * head.argument : head.argument);
  }
  return bytes.empty();
}

}  // namespace metronome
