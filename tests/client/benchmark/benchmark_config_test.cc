#include "client/benchmark/benchmark_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::StartsWith;

// The only table of a text.
BenchmarkConfig Read(const std::string& text) {
  const auto configs = ReadBenchmarkConfigs(text, "b.toml");
  EXPECT_TRUE(configs.ok()) << configs.status();
  return configs.ok() && configs->size() == 1 ? (*configs)[0].config : BenchmarkConfig();
}

BenchmarkConfig BuiltIn(const std::string& name) {
  const auto configs = ReadBenchmarkConfigs(BuiltInBenchmarks(), "built in");
  EXPECT_TRUE(configs.ok()) << configs.status();
  for (const NamedConfig& config : *configs) {
    if (config.name == name) return config.config;
  }
  ADD_FAILURE() << "no configuration " << name;
  return {};
}

TEST(BenchmarkConfigTest, BuiltInConfigurationsSayWhatTheyAreKnownFor) {
  const BenchmarkConfig fast = BuiltIn("as-fast-as-possible");
  EXPECT_THAT(fast.prompt, Optional(std::string("The")));
  EXPECT_THAT(fast.iters, Optional(1));
  EXPECT_THAT(fast.decode_tokens, Optional(5));
  EXPECT_FALSE(fast.models.has_value());
  const BenchmarkConfig llama = BuiltIn("llama-8b");
  EXPECT_THAT(llama.models, Optional(ElementsAre("llama-3-8b")));
  EXPECT_THAT(llama.search_iterations, Optional(ElementsAre(500)));
  const BenchmarkConfig sampled = BuiltIn("full-pipe");
  EXPECT_THAT(sampled.temperature, Optional(0.8));
  EXPECT_THAT(sampled.top_k, Optional(50));
  EXPECT_THAT(sampled.repetition_penalty, Optional(1.1));
  const BenchmarkConfig prefill = BuiltIn("prefill");
  EXPECT_THAT(prefill.prompt_tokens, Optional(1024));
  EXPECT_THAT(prefill.decode_tokens, Optional(64));
  EXPECT_THAT(BuiltIn("search-sweep").search_iterations, Optional(ElementsAre(10, 100, 500)));
  EXPECT_THAT(BuiltIn("qwen3-4b-const").prompt,
              Optional(AllOf(StartsWith("We the People of the United States, in Order"),
                             EndsWith("for the United States of America."))));
}

TEST(BenchmarkConfigTest, NumbersAndSwitchesAreRead) {
  EXPECT_THAT(Read("[a]\ntemperature = 1").temperature, Optional(1.0));
  EXPECT_THAT(Read("[a]\nstreamed = true").streamed, Optional(true));
  EXPECT_THAT(Read("[a]\nmax_cache_len = 7").max_cache_len, Optional(ElementsAre(7)));
  EXPECT_THAT(Read("[a]\nmax_cache_len = [512, 64]").max_cache_len, Optional(ElementsAre(512, 64)));
}

TEST(BenchmarkConfigTest, TablesComeInTheOrderOfTheFile) {
  const auto configs = ReadBenchmarkConfigs("[z]\n[a]\niters = 2\n[m]\nconfigs = [\"z\", \"a\"]", "b.toml");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_THAT(*configs, ElementsAre(Field(&NamedConfig::name, "z"), Field(&NamedConfig::name, "a"),
                                    Field(&NamedConfig::name, "m")));
  EXPECT_THAT((*configs)[2].config.configs, Optional(ElementsAre("z", "a")));
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
  const auto config = ReadBenchmarkConfigs(GetParam().text, "b.toml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(config.status().message(), AllOf(HasSubstr("b.toml:"), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BenchmarkFileTest,
    testing::Values(BadFile{"[a]\niters = ", ":2:"}, BadFile{"[a]\niter = 3", "2:8: unknown key 'iter'"},
                    BadFile{"[a]\n\niters = \"3\"", "b.toml:3:9: key 'iters' has the wrong type"},
                    BadFile{"[a]\nmodels = [1]", "'models'"},
                    BadFile{"[a]\nstreamed = 1", "2:12: key 'streamed' has the wrong type"},
                    BadFile{"[a]\nsearch_iterations = []", "'search_iterations'"},
                    BadFile{"[a]\nmax_cache_len = [1, \"2\"]", "'max_cache_len'"},
                    BadFile{"[b]\n[a]\nconfigs = [\"b\"]\niters = 3", "suite 'a' has keys besides"},
                    BadFile{"[a]\ntop_p = \"0.9\"", "2:9: key 'top_p' has the wrong type"},
                    BadFile{"a = 3", "not a table"}));

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
