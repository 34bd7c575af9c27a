#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace metronome::fuzz {

void Require(bool holds, absl::string_view what) {
  if (holds) return;
  std::cerr << "fuzz: " << what << std::endl;
  std::abort();
}

std::string ReadGolden(absl::string_view name) {
  std::ifstream file(absl::StrCat(METRONOME_GOLDEN_DIR, "/", name), std::ios::binary);
  Require(file.good(), absl::StrCat("cannot read tests/golden/", name));
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t Give(const std::string& mutated, uint8_t* data, size_t max_size) {
  const size_t size = std::min(mutated.size(), max_size);
  std::memcpy(data, mutated.data(), size);
  return size;
}

}  // namespace metronome::fuzz
