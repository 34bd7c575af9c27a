#include "server/pages/documents/answers.h"

#include <gmock/gmock.h>

#include "tests/server/pages/sample_runs.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

v1::Run RunOf(const std::vector<v1::BenchmarkResult>& results) {
  v1::Run run;
  run.set_run_id("earlier");
  for (const v1::BenchmarkResult& result : results) *run.add_results() = result;
  return run;
}

TEST(AnswersTest, TheFastestPathOfEachModelStandsFirst) {
  const v1::Run run = RunOf({SampleResult("a", "eager", Around(20)), SampleResult("a", "compiled", Around(10)),
                             SampleResult("b", "eager", Around(7))});

  const Json answers = Answers(run, nullptr);

  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0]["result"], 1);
  ASSERT_EQ(answers[0]["comparisons"].size(), 1u);
  EXPECT_EQ(answers[0]["comparisons"][0]["against"], 0);
  EXPECT_EQ(answers[0]["comparisons"][0]["verdict"], "faster");
  EXPECT_DOUBLE_EQ(answers[0]["comparisons"][0]["ratio"], 2);
  EXPECT_EQ(answers[1]["result"], 2);
  EXPECT_TRUE(answers[1]["comparisons"].empty());
}

TEST(AnswersTest, OtherWorkIsNotCompared) {
  v1::BenchmarkResult other = SampleResult("a", "eager", Around(20)), partial = SampleResult("a", "eager", Around(1));
  other.mutable_spec()->set_decode_tokens(50);
  partial.mutable_spec()->set_layers(2);
  partial.set_model_layers(16);
  const v1::Run run = RunOf({SampleResult("a", "compiled", Around(10)), other, partial});

  const Json answers = Answers(run, nullptr);

  ASSERT_EQ(answers.size(), 3u);
  for (const Json& answer : answers) EXPECT_TRUE(answer["comparisons"].empty()) << answer;
}

TEST(AnswersTest, WhatFailedOrIsExternalIsNoAnswer) {
  v1::BenchmarkResult failed = SampleResult("a", "eager", Around(1)),
                      external = SampleResult("a", "hf_eager", Around(1));
  failed.set_outcome("failed");
  external.set_provenance("external");

  EXPECT_TRUE(Answers(RunOf({failed, external}), nullptr).empty());
}

TEST(AnswersTest, TheSameCellOfAnEarlierRunIsCompared) {
  const v1::Run run = RunOf({SampleResult("a", "compiled", Around(10))}),
                earlier = RunOf({SampleResult("b", "compiled", Around(1)), SampleResult("a", "eager", Around(1)),
                                 SampleResult("a", "compiled", Around(8))});

  const Json answers = Answers(run, &earlier);

  ASSERT_EQ(answers.size(), 1u);
  ASSERT_EQ(answers[0]["comparisons"].size(), 1u);
  EXPECT_EQ(answers[0]["comparisons"][0]["run_id"], "earlier");
  EXPECT_EQ(answers[0]["comparisons"][0]["verdict"], "slower");
  EXPECT_NEAR(answers[0]["comparisons"][0]["ratio"].get<double>(), 0.8, 1e-6);
}

}  // namespace
}  // namespace metronome::pages
