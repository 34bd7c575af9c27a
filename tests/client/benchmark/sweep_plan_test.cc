#include "client/benchmark/sweep_plan.h"

#include "client/benchmark/sweep_cell.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ModelNames& Models() {
  static const auto& names = *new ModelNames{{"a", "b", "tiny-c"}, {"a", "b"}};
  return names;
}

std::vector<std::string> NamesOf(const std::vector<v1::BenchmarkSpec>& cells) {
  std::vector<std::string> names;
  for (const v1::BenchmarkSpec& cell : cells) names.push_back(CellName(cell));
  return names;
}

std::vector<v1::BenchmarkSpec> Plan(const std::vector<NamedConfig>& configs) {
  const auto cells = PlanSweep(configs, Models(), "synthetic");
  EXPECT_TRUE(cells.ok()) << cells.status();
  return cells.ok() ? *cells : std::vector<v1::BenchmarkSpec>();
}

NamedConfig Generation(const std::string& name, int64_t prompt, int64_t decode, std::vector<std::string> models) {
  return {name, {.models = std::move(models), .prompt_tokens = prompt, .decode_tokens = decode}};
}

TEST(PlanSweepTest, CellsOfAModelComeTogetherAndLargeOnesLast) {
  const auto cells = Plan({Generation("long", 1024, 1024, {"all"}), Generation("short", 64, 64, {"tiny-*", "a"})});
  EXPECT_THAT(NamesOf(cells),
              ElementsAre("short a compiled", "long a compiled", "long b compiled", "short tiny-c compiled"));
}

TEST(PlanSweepTest, PathsLengthsAndBudgetsMultiply) {
  const auto cells = Plan({{"",
                            {.models = {{"a"}},
                             .paths = {{"eager", "graph"}},
                             .search_iterations = {{100, 10}},
                             .max_cache_len = {{64, 32}}}}});
  EXPECT_THAT(NamesOf(cells), ElementsAre("a eager, search 10, cache 32", "a graph, search 10, cache 32",
                                          "a eager, search 10, cache 64", "a graph, search 10, cache 64",
                                          "a eager, search 100, cache 32", "a graph, search 100, cache 32",
                                          "a eager, search 100, cache 64", "a graph, search 100, cache 64"));
}

TEST(PlanSweepTest, WhatHasOtherWeightsDoesNotComeBetween) {
  const auto cells = Plan({{"one", {.models = {{"a"}}, .max_cache_len = {{8, 32}}}},
                           {"two", {.models = {{"a"}}, .max_cache_len = {{16}}, .dtype = "float32"}}});
  EXPECT_THAT(NamesOf(cells),
              ElementsAre("one a compiled, cache 8", "one a compiled, cache 32", "two a compiled, cache 16"));
}

TEST(PlanSweepTest, ACellSaysAllOfItsConfiguration) {
  const auto cells = Plan({{"c",
                            {.models = {{"a"}},
                             .prompt_tokens = 3,
                             .iters = 4,
                             .warmups = 5,
                             .decode_tokens = 6,
                             .seed = 7,
                             .prefill_mode = "sequential",
                             .layers = 8,
                             .temperature = 0.5,
                             .top_k = 9,
                             .top_p = 0.25,
                             .min_p = 0.125,
                             .repetition_penalty = 1.5,
                             .streamed = true}}});
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(
      cells[0].ShortDebugString(),
      "model: \"a\" config: \"c\" scenario: \"latency\" path: \"compiled\" dtype: \"bfloat16\" prompt_tokens: 3 "
      "prefill_mode: \"sequential\" iters: 4 warmups: 5 decode_tokens: 6 seed: 7 weights: \"synthetic\" layers: 8 "
      "sampling { temperature: 0.5 top_k: 9 top_p: 0.25 min_p: 0.125 repetition_penalty: 1.5 } streamed: true");
}

TEST(PlanSweepTest, OnlyLatencyWithoutAPromptGetsTheDefaultOne) {
  EXPECT_EQ(Plan({{"", {.models = {{"a"}}}}})[0].prompt(), kDefaultPrompt);
  EXPECT_EQ(Plan({{"", {.models = {{"a"}}, .prompt_tokens = 3}}})[0].prompt(), "");
  EXPECT_EQ(Plan({{"", {.models = {{"a"}}, .scenario = "scaling"}}})[0].prompt(), "");
}

TEST(PlanSweepTest, MistakesAreNamed) {
  const auto message = [](const std::vector<NamedConfig>& configs) {
    const auto cells = PlanSweep(configs, Models(), "");
    EXPECT_EQ(cells.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(cells.status().message());
  };
  EXPECT_THAT(message({{"", {}}}), HasSubstr("no models"));
  EXPECT_THAT(message({{"fast", {}}}), HasSubstr("'fast' names no models"));
  EXPECT_THAT(message({{"", {.models = {{"z*"}}}}}), HasSubstr("'z*'"));
  EXPECT_THAT(message({{"", {.models = {{"a"}}, .paths = {{"eager", "eager"}}}}}), HasSubstr("twice: a eager"));
}

TEST(ShardTest, ShardsPartitionASweep) {
  const auto cells = Plan({{"", {.models = {{"a", "b"}}, .max_cache_len = {{1, 2, 3, 4, 5}}}}});
  std::vector<std::string> all;
  for (int64_t i = 1; i <= 3; ++i) {
    const auto part = NamesOf(TakeShard(cells, {i, 3}));
    EXPECT_EQ(part.size(), i == 1 ? 4u : 3u);
    all.insert(all.end(), part.begin(), part.end());
  }
  EXPECT_THAT(all, testing::UnorderedElementsAreArray(NamesOf(cells)));
  EXPECT_THAT(NamesOf(TakeShard(cells, {1, 1})), testing::ElementsAreArray(NamesOf(cells)));
  EXPECT_THAT(TakeShard(cells, {11, 11}), IsEmpty());
}

TEST(ShardTest, TextIsIndexAndCount) {
  const auto shard = ParseShard("2/5");
  ASSERT_TRUE(shard.ok()) << shard.status();
  EXPECT_EQ(shard->index, 2);
  EXPECT_EQ(shard->count, 5);
  for (const char* bad : {"", "2", "0/5", "6/5", "-1/5", "1/0", "1/2/3", "a/b", "1/"})
    EXPECT_EQ(ParseShard(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
}

class MissingCellsTest : public testing::Test {
 protected:
  MissingCellsTest() : cells_(Plan({Generation("short", 1, 1, {"all"}), Generation("long", 9, 9, {"all"})})) {
    run_.set_run_id("r");
  }
  void Store(v1::BenchmarkSpec spec) {
    spec.set_iters(1);  // A default of the daemon's.
    *run_.add_results()->mutable_spec() = spec;
  }

  const std::vector<v1::BenchmarkSpec> cells_;
  v1::Run run_;
};

TEST_F(MissingCellsTest, AreThoseWithoutAResultInTheirOrder) {
  Store(cells_[2]);
  Store(cells_[0]);
  const auto missing = MissingCells(cells_, run_);
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_THAT(NamesOf(*missing), ElementsAre(CellName(cells_[1]), CellName(cells_[3])));
}

TEST_F(MissingCellsTest, AResultOfAnotherSweepIsRefused) {
  v1::BenchmarkSpec other = cells_[1];
  other.set_decode_tokens(8);
  Store(other);
  const auto missing = MissingCells(cells_, run_);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(missing.status().message(), HasSubstr("run r has a result of long a compiled"));
}

}  // namespace
}  // namespace metronome::client
