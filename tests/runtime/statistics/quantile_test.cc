#include "runtime/statistics/sample/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/statistics/distributions.h"
#include "runtime/statistics/sample/summary.h"
#include "tests/runtime/statistics/simulated.h"

namespace metronome::statistics {
namespace {

TEST(QuantileTest, NoValuesHaveNone) {
  EXPECT_TRUE(std::isnan(Median({})));
  EXPECT_TRUE(std::isnan(SortedQuantile({}, 0.5)));
  EXPECT_TRUE(std::isnan(RobustDeviation({})));
}

TEST(QuantileTest, AnEvenMedianIsTheMiddleOfTwo) {
  EXPECT_EQ(Median({4, 1}), 2.5);
  EXPECT_EQ(Median({9, 1, 2, 5}), 3.5);
  EXPECT_EQ(Median({1e308, 1e308}), 1e308);  // Their sum is not finite.
}

TEST(QuantileTest, AnOutlierMovesTheRobustDeviationLittle) {
  std::mt19937_64 random(3);
  std::vector<double> values = SimulatedTimes(random, 200, 10, 0.01);
  const double before = RobustDeviation(values);
  values[7] = 1e6;

  EXPECT_NEAR(RobustDeviation(values), before, 0.05 * before);
}

TEST(SummaryTest, RefusesWhatHasNoSummary) {
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(absl::IsInvalidArgument(Summarise({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Summarise({1, infinite}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MeanInterval({1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MeanInterval({1, std::nan("")}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MeanInterval({1, 2}, 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MeanInterval({1, 2}, 0).status()));
}

TEST(DistributionsTest, OutsideTheirDomainsAreNaN) {
  EXPECT_TRUE(std::isnan(NormalQuantile(0)));
  EXPECT_TRUE(std::isnan(NormalQuantile(1.5)));
  EXPECT_TRUE(std::isnan(NormalCdf(std::nan(""))));
  EXPECT_TRUE(std::isnan(StudentQuantile(0.5, 0)));
  EXPECT_TRUE(std::isnan(StudentCdf(1, -1)));
}

TEST(DistributionsTest, QuantilesInvertTheirDistributions) {
  for (const double p : {1e-12, 0.1, 0.5, 0.999}) {
    EXPECT_NEAR(NormalCdf(NormalQuantile(p)), p, 1e-12);
    EXPECT_NEAR(StudentCdf(StudentQuantile(p, 4), 4), p, 1e-12);
  }
  EXPECT_NEAR(TwoSidedNormal(0.95), 1.959964, 1e-6);
  EXPECT_NEAR(TwoSidedStudent(0.95, 1), 12.7062, 1e-4);
}

}  // namespace
}  // namespace metronome::statistics
