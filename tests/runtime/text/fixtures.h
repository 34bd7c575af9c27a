#ifndef METRONOME_TESTS_RUNTIME_TEXT_FIXTURES_H_
#define METRONOME_TESTS_RUNTIME_TEXT_FIXTURES_H_

#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/text/tokenizer/tokenizer.h"

namespace metronome::text {

inline std::string FixturePath(const std::string& name) {
  return absl::StrCat(METRONOME_GOLDEN_DIR, "/tokenizers/", name);
}

inline std::string ReadFixture(const std::string& name) {
  std::ifstream file(FixturePath(name), std::ios::binary);
  EXPECT_TRUE(file.good()) << FixturePath(name);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

inline nlohmann::json ReadJsonFixture(const std::string& name) { return nlohmann::json::parse(ReadFixture(name)); }

// The tokenizer in a folder of tests/golden/tokenizers.
inline std::unique_ptr<Tokenizer> LoadFixture(const std::string& name) {
  absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::FromDirectory(FixturePath(name));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

inline const std::vector<std::string>& FixtureNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"llama3", "qwen", "gemma3", "gemma4", "gpt2", "legacy"};
  return *kNames;
}

using Ids = std::vector<int32_t>;

}  // namespace metronome::text

#endif  // METRONOME_TESTS_RUNTIME_TEXT_FIXTURES_H_
