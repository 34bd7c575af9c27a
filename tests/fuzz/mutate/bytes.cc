#include "tests/fuzz/mutate/bytes.h"

#include <algorithm>

namespace metronome::fuzz {
namespace {

std::string Part(const std::string& bytes, Random& random) {
  if (bytes.empty()) return bytes;
  const size_t begin = random.Below(bytes.size());
  return bytes.substr(begin, 1 + random.Below(std::min<size_t>(bytes.size() - begin, 64)));
}

void ChangeOnce(std::string& bytes, const std::vector<std::string>& others, Random& random) {
  static constexpr unsigned char kInteresting[] = {0,   1,   0x7f, 0x80, 0xff, 0xfe, '"', '\\', '[',
                                                   ']', '{', '}',  ',',  '.',  '\n', '9', '-',  'e'};
  const size_t at = random.Below(bytes.size() + 1);
  const bool inside = at < bytes.size();
  switch (random.Below(7)) {
    case 0:
      if (inside) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
    case 1:
      if (inside) bytes[at] = static_cast<char>(random.Pick(kInteresting));
      break;
    case 2:
      bytes.insert(at, 1 + random.Below(8), static_cast<char>(random.Pick(kInteresting)));
      break;
    case 3:
      if (inside) bytes.erase(at, 1 + random.Below(32));
      break;
    case 4:
      bytes.insert(at, Part(bytes, random));
      break;
    case 5:
      if (!others.empty()) bytes.insert(at, Part(random.Pick(others), random));
      break;
    default:
      if (inside && random.OneIn(4)) bytes.resize(at);
      break;
  }
}

}  // namespace

std::string ChangeBytes(std::string bytes, const std::vector<std::string>& others, size_t max_size, Random& random) {
  do {
    ChangeOnce(bytes, others, random);
  } while (!random.OneIn(3));
  if (bytes.size() > max_size) bytes.resize(max_size);
  return bytes;
}

}  // namespace metronome::fuzz
