#include "server/pages/documents/steps.h"

#include <gmock/gmock.h>

#include "tests/server/pages/sample_runs.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

void AddStep(v1::BenchmarkResult& result, int iteration, int64_t position, double ms) {
  v1::Sample& sample = *result.add_samples();
  sample.set_metric("step_ms");
  sample.set_index(iteration);
  sample.set_position(position);
  sample.set_value(ms);
}

// `positions` steps of 10 ms in each of five iterations.
v1::BenchmarkResult Even(int positions) {
  v1::BenchmarkResult result;
  for (int iteration = 0; iteration < 5; ++iteration) {
    for (int position = 0; position < positions; ++position) AddStep(result, iteration, 22 + position, 10);
  }
  return result;
}

TEST(TimelineTest, HasTheRangeAtEachPosition) {
  v1::BenchmarkResult result;
  for (const double ms : {10.0, 10.1, 10.2}) {
    AddStep(result, 0, 22, ms);
    AddStep(result, 0, 23, ms + 1);
  }

  const Json timeline = Timeline(result);

  EXPECT_EQ(timeline["position"], Json::array({22, 23}));
  EXPECT_EQ(timeline["low"], Json::array({10.0, 11.0}));
  EXPECT_EQ(timeline["median"], Json::array({10.1, 11.1}));
  EXPECT_EQ(timeline["high"], Json::array({10.2, 11.2}));
  EXPECT_TRUE(timeline["outliers"].empty());
}

TEST(TimelineTest, AStepFarAboveTheOthersIsAnOutlierAndNotTheRange) {
  v1::BenchmarkResult result = Even(30);
  AddStep(result, 5, 40, 25);
  result.set_throttle_reasons("sw_power_cap");

  const Json timeline = Timeline(result);

  EXPECT_EQ(timeline["outliers"], Json::parse(R"([{"position": 40, "iteration": 5, "ms": 25.0,
                                                   "cause": "the GPU was throttled: sw_power_cap"}])"));
  EXPECT_EQ(timeline["high"][18], 10);
}

TEST(TimelineTest, NeighboursShareAPointWhereThereAreMany) {
  const Json timeline = Timeline(Even(1000), 100);

  ASSERT_EQ(timeline["position"].size(), 100u);
  EXPECT_EQ(timeline["position"][1], 32);
}

TEST(TimelineTest, NamesTheSlowestOfManyOutliers) {
  v1::BenchmarkResult result = Even(100);
  for (int i = 0; i < 50; ++i) AddStep(result, 5, 22 + i, 100 + i);

  const Json timeline = Timeline(result);

  ASSERT_EQ(timeline["outliers"].size(), kMaxOutliers);
  EXPECT_EQ(timeline["outliers"][0]["ms"], 149);
}

TEST(TimelineTest, OneStepHasNone) {
  EXPECT_TRUE(Timeline(Even(1)).is_null());
  EXPECT_TRUE(Timeline({}).is_null());
}

}  // namespace
}  // namespace metronome::pages
