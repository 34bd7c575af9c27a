#include "client/benchmark/benchmark_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST(BenchmarkConfigTest, BuiltInConfigurationsSayWhatTheyAreKnownFor) {
  const auto fast = ReadBenchmarkConfig(BuiltInBenchmarks(), "built in", "as-fast-as-possible");
  ASSERT_TRUE(fast.ok()) << fast.status();
  EXPECT_THAT(fast->prompt, Optional(std::string("The")));
  EXPECT_THAT(fast->iters, Optional(1));
  EXPECT_THAT(fast->decode_tokens, Optional(5));
  EXPECT_FALSE(fast->models.has_value());
  const auto llama = ReadBenchmarkConfig(BuiltInBenchmarks(), "built in", "llama-8b");
  ASSERT_TRUE(llama.ok());
  EXPECT_THAT(*llama->models, ElementsAre("llama-3-8b"));
  EXPECT_THAT(llama->search_iterations, Optional(500));
  const auto sampled = ReadBenchmarkConfig(BuiltInBenchmarks(), "built in", "full-pipe");
  ASSERT_TRUE(sampled.ok());
  EXPECT_THAT(sampled->temperature, Optional(0.8));
  EXPECT_THAT(sampled->top_k, Optional(50));
  EXPECT_THAT(sampled->repetition_penalty, Optional(1.1));
  EXPECT_THAT(ReadBenchmarkConfig("[a]\ntemperature = 1", "b.toml", "a")->temperature, Optional(1.0));
  EXPECT_THAT(ReadBenchmarkConfig("[a]\nstreamed = true", "b.toml", "a")->streamed, Optional(true));
  EXPECT_EQ(ReadBenchmarkConfig("[a]\nstreamed = 1", "b.toml", "a").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(BenchmarkConfigTest, FlagsOverrideAConfiguration) {
  const BenchmarkConfig merged = Merge({.iters = 7, .dtype = "float32"}, {.prompt = "x", .iters = 3});
  EXPECT_THAT(merged.iters, Optional(7));
  EXPECT_THAT(merged.dtype, Optional(std::string("float32")));
  EXPECT_THAT(merged.prompt, Optional(std::string("x")));
  EXPECT_FALSE(merged.warmups.has_value());
}

struct BadFile {
  const char* text;
  const char* message;
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.message; }

class BenchmarkFileTest : public testing::TestWithParam<BadFile> {};

TEST_P(BenchmarkFileTest, IsRefusedWithTheLine) {
  const auto config = ReadBenchmarkConfig(GetParam().text, "b.toml", "a");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(config.status().message(), AllOf(HasSubstr("b.toml:"), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(All, BenchmarkFileTest,
                         testing::Values(BadFile{"[a]\niters = ", ":2:"},
                                         BadFile{"[a]\niter = 3", "2:8: unknown key 'iter'"},
                                         BadFile{"[a]\n\niters = \"3\"", "b.toml:3:9: key 'iters' has the wrong type"},
                                         BadFile{"[a]\nmodels = [1]", "'models'"},
                                         BadFile{"[a]\ntop_p = \"0.9\"", "2:9: key 'top_p' has the wrong type"},
                                         BadFile{"a = 3", "not a table"}));

TEST(BenchmarkConfigTest, AnUnknownNameListsTheOthers) {
  const auto config = ReadBenchmarkConfig("[one]\n[two]\n", "b.toml", "three");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(config.status().message(), AllOf(HasSubstr("'three'"), HasSubstr("one, two")));
}

class SelectModelsTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<std::string>> Select(const std::vector<std::string>& patterns) {
    return SelectModels(patterns, {"llama-8b", "gemma-1b", "gemma-4b", "tiny-gemma"},
                        {"llama-8b", "gemma-1b", "gemma-4b"});
  }
};

TEST_F(SelectModelsTest, AllLeavesTheTinyOnesOut) {
  EXPECT_THAT(*Select({"all"}), ElementsAre("llama-8b", "gemma-1b", "gemma-4b"));
}

TEST_F(SelectModelsTest, GlobsNamesAndDirectoriesTogetherWithoutRepeats) {
  EXPECT_THAT(*Select({"gemma*", "gemma-1b", "./my/model", "*llama*"}),
              ElementsAre("gemma-1b", "gemma-4b", "./my/model", "llama-8b"));
}

TEST_F(SelectModelsTest, APatternThatNamesNothingIsAnError) {
  const auto selected = Select({"gemma*", "qwen*"});
  EXPECT_EQ(selected.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(selected.status().message(), HasSubstr("'qwen*'"));
}

}  // namespace
}  // namespace metronome::client
