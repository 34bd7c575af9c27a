#include "client/benchmark/sweep_cell.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;

v1::BenchmarkSpec Cell(const std::string& config = "short") {
  v1::BenchmarkSpec cell;
  cell.set_config(config);
  cell.set_model("tiny-llama");
  cell.set_path("graph");
  cell.set_dtype("bfloat16");
  cell.set_scenario("latency");
  return cell;
}

TEST(CellNameTest, SaysWhatTellsCellsApart) {
  v1::BenchmarkSpec cell = Cell("");
  EXPECT_EQ(CellName(cell), "tiny-llama graph");
  cell = Cell();
  cell.set_layers(2);
  cell.set_search_iterations(100);
  cell.set_max_cache_len(4096);
  EXPECT_EQ(CellName(cell), "short tiny-llama [first 2 layers] graph, search 100, cache 4096");
}

TEST(IsOfCellTest, DefaultsOfTheDaemonMakeNoDifference) {
  v1::BenchmarkSpec stored = Cell();
  stored.set_iters(1);
  stored.set_prompt_tokens(21);
  stored.set_max_cache_len(4096);
  EXPECT_TRUE(IsOfCell(stored, Cell()));
}

TEST(IsOfCellTest, WhatTheCellSaysDoes) {
  const v1::BenchmarkSpec stored = Cell();
  EXPECT_FALSE(IsOfCell(stored, Cell("")));
  v1::BenchmarkSpec other = Cell();
  other.set_model("tiny-qwen3");
  EXPECT_FALSE(IsOfCell(stored, other));
  other = Cell();
  other.set_search_iterations(10);
  EXPECT_FALSE(IsOfCell(stored, other));
  other = Cell();
  other.mutable_sampling()->set_temperature(0.8);
  EXPECT_FALSE(IsOfCell(stored, other));
}

class SkipReasonTest : public testing::Test {
 protected:
  void Store(const v1::BenchmarkSpec& spec, const std::string& outcome, const std::string& kind) {
    v1::BenchmarkResult& result = *earlier_.add_results();
    *result.mutable_spec() = spec;
    result.set_outcome(outcome);
    result.set_error_kind(kind);
    result.set_error_text("needs 9 GB");
  }
  static v1::BenchmarkSpec Limited(int64_t positions, int32_t budget) {
    v1::BenchmarkSpec cell = Cell();
    cell.set_max_cache_len(positions);
    cell.set_search_iterations(budget);
    return cell;
  }

  v1::Run earlier_;
};

TEST_F(SkipReasonTest, LargerCellsOfWhatRanOutOfMemory) {
  Store(Limited(1024, 10), "skipped", "RESOURCE_EXHAUSTED");
  EXPECT_THAT(SkipReason(Limited(2048, 10), earlier_),
              Optional(AllOf(HasSubstr("cache 1024"), HasSubstr("ran out of memory: needs 9 GB"))));
  EXPECT_TRUE(SkipReason(Limited(1024, 100), earlier_).has_value());
  EXPECT_FALSE(SkipReason(Limited(512, 10), earlier_).has_value());
  EXPECT_FALSE(SkipReason(Limited(2048, 5), earlier_).has_value());
}

TEST_F(SkipReasonTest, LengthsOfPromptsAndTokensCount) {
  v1::BenchmarkSpec cell = Cell(), larger = Cell("long"), text = Cell("text");
  cell.set_prompt_tokens(64);
  cell.set_decode_tokens(64);
  larger.set_prompt_tokens(100);
  larger.set_decode_tokens(28);
  text.set_prompt("How long this is, only the daemon's tokenizer knows.");
  Store(cell, "skipped", "RESOURCE_EXHAUSTED");
  EXPECT_TRUE(SkipReason(larger, earlier_).has_value());
  EXPECT_FALSE(SkipReason(text, earlier_).has_value());
  larger.set_decode_tokens(27);
  EXPECT_FALSE(SkipReason(larger, earlier_).has_value());
}

TEST_F(SkipReasonTest, OtherKindsOfCellsAreTried) {
  Store(Limited(16, 1), "skipped", "RESOURCE_EXHAUSTED");
  for (const auto change :
       {+[](v1::BenchmarkSpec& s) { s.set_model("other"); }, +[](v1::BenchmarkSpec& s) { s.set_path("eager"); },
        +[](v1::BenchmarkSpec& s) { s.set_dtype("float32"); }, +[](v1::BenchmarkSpec& s) { s.set_layers(1); },
        +[](v1::BenchmarkSpec& s) { s.set_weights("synthetic"); },
        +[](v1::BenchmarkSpec& s) { s.set_scenario("scaling"); }}) {
    v1::BenchmarkSpec cell = Limited(32, 1);
    change(cell);
    EXPECT_FALSE(SkipReason(cell, earlier_).has_value()) << cell.ShortDebugString();
  }
}

TEST_F(SkipReasonTest, OtherReasonsAreNoReason) {
  Store(Limited(16, 1), "ok", "");
  Store(Limited(16, 1), "failed", "INTERNAL");
  Store(Limited(16, 1), "skipped", "UNIMPLEMENTED");
  EXPECT_FALSE(SkipReason(Limited(32, 1), earlier_).has_value());
}

}  // namespace
}  // namespace metronome::client
