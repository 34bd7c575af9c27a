#include "server/pages/documents/history.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "server/pages/page.h"
#include "tests/server/pages/sample_runs.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

v1::Run RunAt(int minute, const std::vector<v1::BenchmarkResult>& results) {
  v1::Run run;
  run.set_run_id(absl::StrFormat("run-%03d", minute));
  run.set_started_unix_micros(int64_t{60'000'000} * minute);
  run.mutable_server()->set_host("bench-1");
  run.mutable_server()->set_cpu_model("AMD EPYC");
  for (const v1::BenchmarkResult& result : results) *run.add_results() = result;
  return run;
}

v1::BenchmarkResult ResultOf(int64_t id, double tpot_ms, const std::string& path = "compiled") {
  v1::BenchmarkResult result = SampleResult("llama", path, Around(tpot_ms));
  result.set_result_id(id);
  result.set_plan_hash(tpot_ms > 10 ? "slow" : "quick");
  return result;
}

TEST(HistoryTest, SeriesAreInTheOrderOfTheRuns) {
  History history;
  history.Add(RunAt(2, {ResultOf(7, 12)}));
  history.Add(RunAt(1, {ResultOf(3, 10), ResultOf(4, 20, "eager")}));

  const Json document = Json::parse(history.Document({}));

  EXPECT_EQ(document["runs"][0]["run_id"], "run-001");
  EXPECT_EQ(document["runs"][1]["run_id"], "run-002");
  ASSERT_EQ(document["series"].size(), 2u);
  const Json& compiled = document["series"][0];
  EXPECT_EQ(compiled["path"], "compiled");
  EXPECT_EQ(compiled["tokens"], "21+5");
  EXPECT_EQ(compiled["run"], Json::array({0, 1}));
  EXPECT_EQ(compiled["result"], Json::array({3, 7}));
  EXPECT_EQ(compiled["tpot_ms"], Json::array({10.0, 12.0}));
  EXPECT_EQ(compiled["ttft_ms"], Json::array({nullptr, nullptr}));
  EXPECT_EQ(document["plans"][compiled["plan"][1].get<size_t>()], "slow");
}

TEST(HistoryTest, OtherMachinesAreOtherSeries) {
  History history;
  v1::Run other = RunAt(2, {ResultOf(2, 10)});
  other.mutable_server()->set_host("bench-2");
  history.Add(RunAt(1, {ResultOf(1, 10)}));
  history.Add(other);

  EXPECT_EQ(Json::parse(history.Document({}))["series"].size(), 2u);
}

TEST(HistoryTest, OfRepetitionsInOneRunTheNewestCounts) {
  History history;
  history.Add(RunAt(1, {ResultOf(5, 11), ResultOf(6, 12)}));

  EXPECT_EQ(Json::parse(history.Document({}))["series"][0]["result"], Json::array({6}));
}

TEST(HistoryTest, ARunMayComeInParts) {
  History history;
  v1::Run first = RunAt(1, {ResultOf(5, 11)}), rest = RunAt(1, {ResultOf(6, 12, "eager")});
  first.set_state("running");
  rest.set_state("complete");
  history.Add(first);
  history.Add(rest);

  const Json document = Json::parse(history.Document({}));

  EXPECT_EQ(document["runs"].size(), 1u);
  EXPECT_EQ(document["runs"][0]["state"], "complete");
  EXPECT_EQ(document["series"].size(), 2u);
}

TEST(HistoryTest, WhatWasNotMeasuredIsCounted) {
  v1::BenchmarkResult failed = ResultOf(1, 10);
  failed.set_outcome("failed");
  History history;
  history.Add(RunAt(1, {failed}));

  const Json document = Json::parse(history.Document({}));

  EXPECT_EQ(document["runs"][0]["not_measured"], 1);
  EXPECT_TRUE(document["series"].empty());
}

// Values around 10 ms with a saw of one in two hundred, then around 11.
TEST(HistoryTest, AStepIsFoundBetweenTheRunsThatItSeparates) {
  History history;
  for (int minute = 0; minute < 40; ++minute)
    history.Add(RunAt(minute, {ResultOf(minute, (minute < 25 ? 10 : 11) * (1 + 0.005 * (minute % 3)))}));

  const Json changes = Json::parse(history.Document({}))["changes"];

  ASSERT_EQ(changes.size(), 1u) << changes;
  EXPECT_EQ(changes[0]["metric"], "tpot_ms");
  EXPECT_EQ(changes[0]["before_run"], 24);
  EXPECT_EQ(changes[0]["after_run"], 25);
  EXPECT_NEAR(changes[0]["ratio"].get<double>(), 1.1, 0.01);
}

TEST(HistoryTest, NoiseIsNoChange) {
  History history;
  for (int minute = 0; minute < 40; ++minute)
    history.Add(RunAt(minute, {ResultOf(minute, 10 * (1 + 0.02 * (minute * 7 % 5)))}));

  EXPECT_TRUE(Json::parse(history.Document({}))["changes"].empty());
}

// A hundred results each would be four times as many.
TEST(HistoryTest, AThousandRunsFitTenMegabytes) {
  History history;
  for (int minute = 0; minute < 1000; ++minute) {
    v1::Run run = RunAt(minute, {});
    for (int i = 0; i < 25; ++i) {
      v1::BenchmarkResult& result = *run.add_results() = ResultOf(minute * 25 + i, 10 + 0.001 * (minute % 7));
      result.mutable_spec()->set_seed(static_cast<uint64_t>(i));
      result.set_compile_ms(12.3456 + minute);
      result.set_bandwidth_fraction(0.7 + 1e-5 * minute);
      *result.mutable_ttft_ms() = StatisticsOf({100.001 + minute % 11});
    }
    history.Add(run);
  }

  EXPECT_LT(Page(history.Document({}), PageKind::kFile).size(), 2'500'000u);
}

TEST(HistoryTest, NotesKeepTheirDates) {
  History history;
  HistoryOptions options;
  options.notes.push_back({.unix_micros = 5, .text = "a new driver"});

  EXPECT_EQ(Json::parse(history.Document(options))["notes"],
            Json::parse(R"([{"unix_micros": 5, "text": "a new driver"}])"));
}

}  // namespace
}  // namespace metronome::pages
