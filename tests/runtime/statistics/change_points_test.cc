#include "runtime/statistics/change_points.h"

#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/runtime/statistics/simulated.h"

namespace metronome::statistics {
namespace {

std::vector<double> Joined(std::vector<double> first, const std::vector<double>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(ChangePointsTest, ASeriesThatStaysHasFew) {
  std::mt19937_64 random(31);
  int alarms = 0;
  for (int i = 0; i < 60; ++i)
    alarms += !FindChangePoints(SimulatedTimes(random, 40, 9, 0.05), {.permutations = 199})->empty();
  EXPECT_LE(alarms, 10);  // Of 60 with a chance of 0.05 each, 11 happen once in ten thousand.
}

TEST(ChangePointsTest, AChangeIsFoundNearWhereItIs) {
  std::mt19937_64 random(32);
  int near = 0;
  for (int i = 0; i < 40; ++i) {
    const auto changes = FindChangePoints(
        Joined(SimulatedTimes(random, 25, 10, 0.02), SimulatedTimes(random, 15, 10.5, 0.02)), {.permutations = 199});
    for (const ChangePoint& change : *changes) near += std::abs(static_cast<int>(change.index) - 25) <= 2;
  }
  EXPECT_GE(near, 36);
}

TEST(ChangePointsTest, TheSeedDecides) {
  std::mt19937_64 random(33);
  const auto values = Joined(SimulatedTimes(random, 20, 10, 0.05), SimulatedTimes(random, 20, 11, 0.05));
  const auto first = *FindChangePoints(values, {.seed = 3}), same = *FindChangePoints(values, {.seed = 3});
  ASSERT_EQ(first.size(), same.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].p_value, same[i].p_value);
}

TEST(ChangePointsTest, SegmentsAreNoShorterThanAsked) {
  const std::vector<double> values = {1, 1.01, 0.99, 1, 1.02, 9, 9.1, 1.01, 1, 0.98, 1, 1.01};
  const auto changes = FindChangePoints(values, {.shortest = 4});
  for (const ChangePoint& change : *changes) {
    EXPECT_GE(change.index, 4u);
    EXPECT_LE(change.index, values.size() - 4);
  }
  EXPECT_TRUE(FindChangePoints({1, 2, 3, 4, 5})->empty());
  EXPECT_TRUE(FindChangePoints({})->empty());
}

TEST(ChangePointsTest, ManyValuesTakeLittleTime) {
  std::mt19937_64 random(34);
  const auto values = Joined(SimulatedTimes(random, 2500, 10, 0.05), SimulatedTimes(random, 2500, 10.3, 0.05));
  const auto changes = FindChangePoints(values, {.permutations = 39});
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_NEAR(static_cast<double>((*changes)[0].index), 2500, 20);
}

TEST(ChangePointsTest, RefusesWhatItCannotDivide) {
  const std::vector<double> values(10, 1.0);
  EXPECT_TRUE(absl::IsInvalidArgument(FindChangePoints({1, std::nan("")}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FindChangePoints(std::vector<double>(5001, 1.0)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FindChangePoints(values, {.significance = 0}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FindChangePoints(values, {.shortest = 1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FindChangePoints(values, {.permutations = 3}).status()));
  EXPECT_TRUE(FindChangePoints(values)->empty());
}

}  // namespace
}  // namespace metronome::statistics
