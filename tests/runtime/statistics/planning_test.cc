#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/statistics/comparison/rank_test.h"
#include "runtime/statistics/planning/noise_floor.h"
#include "runtime/statistics/planning/sample_size.h"
#include "runtime/statistics/sample/autocorrelation.h"
#include "tests/runtime/statistics/simulated.h"

namespace metronome::statistics {
namespace {

// sqrt(pi / 2) * 0.1 / sqrt(n) is the median's deviation, so 151 values give a half width of 0.02.
TEST(SampleSizeTest, WhatItAsksForIsNarrowEnough) {
  std::mt19937_64 random(41);
  double iterations = 0, width = 0;
  for (int i = 0; i < 60; ++i) {
    iterations += static_cast<double>(*IterationsForHalfWidth(SimulatedTimes(random, 40, 8, 0.1), 0.02)) / 60;
    width += *RelativeHalfWidth(SimulatedTimes(random, 151, 8, 0.1)) / 60;
  }
  EXPECT_GT(iterations, 151);
  EXPECT_LT(iterations, 300);  // The larger of two guesses from forty values is too large rather than too small.
  EXPECT_NEAR(width, 0.022, 0.003);
}

TEST(SampleSizeTest, NarrowEnoughNeedsNoMore) {
  EXPECT_EQ(*IterationsForHalfWidth({10, 10.01, 9.99, 10, 10.02}, 0.05), 5);
  EXPECT_EQ(*RelativeHalfWidth({7, 7, 7}), 0);
}

// The planned number finds the effect about as often as planned.
TEST(SampleSizeTest, PlannedIterationsDetectTheEffect) {
  std::mt19937_64 random(42);
  const auto pilot = SimulatedTimes(random, 400, 10, 0.05);
  const int64_t n = *IterationsToDetect(pilot, pilot, 0.05);
  int found = 0;
  for (int i = 0; i < 200; ++i) {
    const auto count = static_cast<size_t>(n);
    found += MannWhitney(SimulatedTimes(random, count, 10, 0.05), SimulatedTimes(random, count, 10.5, 0.05))->p_value <=
             0.05;
  }
  EXPECT_GE(found, 176);  // 190 expected; of 200 with a chance of 0.95 each, 175 or fewer happen once in ten thousand.
  EXPECT_LE(n, 60);
}

TEST(SampleSizeTest, SmallerEffectsNeedMore) {
  std::mt19937_64 random(43);
  const auto values = SimulatedTimes(random, 50, 10, 0.05);
  EXPECT_GT(*IterationsToDetect(values, values, 0.01), 20 * *IterationsToDetect(values, values, 0.05));
  EXPECT_GT(*IterationsToDetect(values, values, 0.05, {.power = 0.99}), *IterationsToDetect(values, values, 0.05));
  EXPECT_EQ(*IterationsToDetect({3, 3, 3}, {3, 3}, 0.05), 2);
}

TEST(SampleSizeTest, RefusesWhatItCannotPlan) {
  EXPECT_TRUE(absl::IsInvalidArgument(IterationsForHalfWidth({1, 2}, 0).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(IterationsForHalfWidth({1}, 0.1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RelativeHalfWidth({1, -2}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(IterationsToDetect({1, 2}, {1, 2}, -0.1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(IterationsToDetect({1, 2}, {1}, 0.1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(IterationsToDetect({1, 2}, {1, 2}, 0.1, {.power = 1}).status()));
}

// The inflation of an autoregressive series is (1 + r) / (1 - r) in the limit.
TEST(AutocorrelationTest, GrowsWithWhatNeighboursShare) {
  std::mt19937_64 random(44);
  double independent = 0, half = 0, most = 0;
  for (int i = 0; i < 40; ++i) {
    independent += *VarianceInflation(SimulatedTimes(random, 200, 5, 0.1)) / 40;
    half += *VarianceInflation(SimulatedTimes(random, 200, 5, 0.1, 0.5)) / 40;
    most += *VarianceInflation(SimulatedTimes(random, 200, 5, 0.1, 0.9)) / 40;
  }
  EXPECT_LT(independent, 1.15);
  EXPECT_NEAR(half, 3, 0.8);
  EXPECT_GT(most, 8);
}

TEST(AutocorrelationTest, OrderMattersAndShortSeriesSayNothing) {
  std::vector<double> rising(20), alternating(20);
  for (size_t i = 0; i < 20; ++i) {
    rising[i] = 1 + static_cast<double>(i);
    alternating[i] = i % 2 == 0 ? 1 + static_cast<double>(i) : 40 - static_cast<double>(i);
  }
  EXPECT_GT(*VarianceInflation(rising), 3);
  EXPECT_EQ(*VarianceInflation(alternating), 1);
  EXPECT_EQ(*VarianceInflation({1, 2, 3, 4, 5, 6, 7}), 1);
  EXPECT_EQ(*VarianceInflation(std::vector<double>(30, 2.0)), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(VarianceInflation({1, std::nan("")}).status()));
}

TEST(NoiseFloorTest, TwoRepeatsDifferByLessAsOftenAsPromised) {
  std::mt19937_64 random(45);
  std::vector<std::vector<double>> groups;
  for (const double median : {1.0, 30.0, 500.0}) groups.push_back(SimulatedTimes(random, 12, median, 0.03));
  const NoiseFloor floor = *LearnNoiseFloor(groups);
  EXPECT_EQ(floor.repeats, 36);
  int within = 0;
  for (int i = 0; i < 400; ++i) {
    const auto pair = SimulatedTimes(random, 2, 7, 0.03);
    within += std::max(pair[0], pair[1]) / std::min(pair[0], pair[1]) - 1 <= floor.relative;
  }
  EXPECT_NEAR(within, 380, 16);
}

TEST(NoiseFloorTest, FewRepeatsMakeItHigh) {
  const double two = LearnNoiseFloor(std::vector<std::vector<double>>{{100, 101}})->relative;
  const double many =
      LearnNoiseFloor(std::vector<std::vector<double>>{{100, 101, 100, 101, 100, 101, 100, 101}})->relative;
  EXPECT_GT(two, 4 * many);
  EXPECT_GT(many, 0.01);
}

TEST(NoiseFloorTest, NothingRepeatedIsNotKnown) {
  EXPECT_TRUE(absl::IsInvalidArgument(LearnNoiseFloor({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LearnNoiseFloor(std::vector<std::vector<double>>{{1}, {2}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LearnNoiseFloor(std::vector<std::vector<double>>{{1, 0}}).status()));
}

}  // namespace
}  // namespace metronome::statistics
