#include "runtime/statistics/sample/bootstrap.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/statistics/comparison/shift.h"
#include "runtime/statistics/sample/quantile.h"
#include "tests/runtime/statistics/simulated.h"

namespace metronome::statistics {
namespace {

constexpr int kTrials = 300;
// A share of 0.88 or less of 300 trials with a chance of 0.95 each happens once in a million; the bootstrap of small
// samples is a little too narrow as it is.
constexpr int kFewestHits = 264;

bool Contains(const Interval& interval, double value) { return interval.low <= value && value <= interval.high; }

TEST(BootstrapTest, TheMedianIsWithinItsIntervalAsOftenAsPromised) {
  std::mt19937_64 random(11);
  int hits = 0;
  for (int i = 0; i < kTrials; ++i) {
    const std::vector<double> times = SimulatedTimes(random, 15, 20, 0.1);
    hits += Contains(*BootstrapMedian(times, {.resamples = 400, .seed = static_cast<uint64_t>(i)}), 20);
  }
  EXPECT_GE(hits, kFewestHits);
}

TEST(BootstrapTest, TheRatioIsWithinItsIntervalAsOftenAsPromised) {
  std::mt19937_64 random(12);
  int hits = 0;
  for (int i = 0; i < kTrials; ++i) {
    const std::vector<double> a = SimulatedTimes(random, 15, 20, 0.1), b = SimulatedTimes(random, 20, 22, 0.1);
    hits += Contains(*BootstrapRatio(a, b, {.resamples = 400, .seed = static_cast<uint64_t>(i)}), 1.1);
  }
  EXPECT_GE(hits, kFewestHits);
}

TEST(BootstrapTest, TheSeedDecides) {
  std::mt19937_64 random(13);
  const std::vector<double> a = SimulatedTimes(random, 30, 20, 0.1), b = SimulatedTimes(random, 30, 20, 0.1);
  const Interval first = *BootstrapRatio(a, b, {.seed = 4}), same = *BootstrapRatio(a, b, {.seed = 4});
  EXPECT_EQ(first.low, same.low);
  EXPECT_EQ(first.high, same.high);
  EXPECT_NE(first.low, BootstrapRatio(a, b, {.seed = 5})->low);
}

// Blocks keep what neighbours share: the interval of the mean grows by sqrt((1 + 0.9) / (1 - 0.9)) = 4.4 in the limit.
TEST(BootstrapTest, BlocksWidenTheIntervalOfAWanderingSeries) {
  std::mt19937_64 random(14);
  const std::vector<double> times = SimulatedTimes(random, 400, 20, 0.1, 0.9);
  const Interval single = *BootstrapMedian(times), blocks = *BootstrapMedian(times, {.block = 40});
  EXPECT_GT(blocks.high - blocks.low, 2 * (single.high - single.low));
}

TEST(BootstrapTest, RefusesWhatItCannotResample) {
  EXPECT_TRUE(absl::IsInvalidArgument(BootstrapMedian({1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BootstrapRatio({1, 2}, {3}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BootstrapRatio({1, 0}, {3, 4}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BootstrapMedian({1, 2}, {.resamples = 1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BootstrapMedian({1, 2}, {.confidence = 1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BootstrapMedian({1, 2}, {.block = 0}).status()));
}

TEST(ShiftTest, IsFoundInManyPairsAsInFew) {
  std::mt19937_64 random(15);
  const std::vector<double> a = SimulatedTimes(random, 3001, 20, 0.1);
  std::vector<double> b = a, differences;
  for (double& value : b) value += 1.25;
  for (size_t i = 0; i < 700; ++i)
    for (size_t j = 0; j < 701; ++j) differences.push_back(b[j] - a[i]);

  EXPECT_NEAR(HodgesLehmannShift(a, b)->estimate, 1.25, 1e-12);
  EXPECT_NEAR(HodgesLehmannShift({a.data(), 700}, {b.data(), 701})->estimate, Median(differences), 1e-12);
}

TEST(ShiftTest, HasTheSignOfItsArguments) {
  const std::vector<double> a = {-3, -1, -2}, b = {5, 7, 6};
  EXPECT_EQ(HodgesLehmannShift(a, b)->estimate, 8);
  EXPECT_EQ(HodgesLehmannShift(b, a)->estimate, -8);
  EXPECT_EQ(HodgesLehmannShift(a, a)->estimate, 0);
}

TEST(ShiftTest, IsWithinItsIntervalAsOftenAsPromised) {
  std::mt19937_64 random(16);
  int hits = 0;
  for (int i = 0; i < kTrials; ++i) {
    const std::vector<double> a = SimulatedTimes(random, 9, 20, 0.01), b = SimulatedTimes(random, 9, 20, 0.01);
    hits += Contains(HodgesLehmannShift(a, b)->interval, 0);
  }
  EXPECT_GE(hits, kFewestHits);
}

TEST(ShiftTest, RefusesWhatHasNoDifferences) {
  EXPECT_TRUE(absl::IsInvalidArgument(HodgesLehmannShift({}, {1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(HodgesLehmannShift({1}, {1}, 2).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(HodgesLehmannShift({1}, {1}, 0.9, 0.5).status()));
}

}  // namespace
}  // namespace metronome::statistics
