// Under libFuzzer: `TARGET --write-seeds=DIRECTORY` writes the target's seeds there, for a corpus to begin with.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  using namespace metronome;
  for (int i = 1; i < *argc; ++i) {
    absl::string_view directory = (*argv)[i];
    if (!absl::ConsumePrefix(&directory, "--write-seeds=")) continue;
    std::filesystem::create_directories(std::string(directory));
    const std::vector<std::string> seeds = fuzz::Seeds();
    for (size_t s = 0; s < seeds.size(); ++s)
      std::ofstream(absl::StrCat(directory, "/seed-", s), std::ios::binary) << seeds[s];
    std::_Exit(0);
  }
  return 0;
}
