// Tests of hypotheses, by what they promise: false alarms as seldom as asked, and the same answer however it is asked.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/statistics/comparison/effect_size.h"
#include "runtime/statistics/comparison/false_discovery.h"
#include "runtime/statistics/comparison/paired.h"
#include "runtime/statistics/comparison/permutation_test.h"
#include "runtime/statistics/comparison/rank_test.h"
#include "runtime/statistics/sample/autocorrelation.h"
#include "tests/runtime/statistics/simulated.h"

namespace metronome::statistics {
namespace {

constexpr int kTrials = 400;
// More than 40 of 400 trials with a chance of 0.05 each happen once in some hundred thousand.
constexpr int kMostAlarms = 40;

TEST(MannWhitneyTest, SeldomRaisesFalseAlarms) {
  std::mt19937_64 random(21);
  int exact = 0, normal = 0;
  for (int i = 0; i < kTrials; ++i) {
    exact += MannWhitney(SimulatedTimes(random, 10, 5, 0.2), SimulatedTimes(random, 12, 5, 0.2))->p_value <= 0.05;
    normal += MannWhitney(SimulatedTimes(random, 40, 5, 0.2), SimulatedTimes(random, 45, 5, 0.2))->p_value <= 0.05;
  }
  EXPECT_LE(exact, kMostAlarms);
  EXPECT_LE(normal, kMostAlarms);
  EXPECT_GE(normal, 5);  // It does raise some.
}

TEST(MannWhitneyTest, AnInflatedVarianceKeepsAWanderingSeriesFromRaisingThem) {
  std::mt19937_64 random(22);
  int plain = 0, inflated = 0;
  for (int i = 0; i < kTrials; ++i) {
    const auto a = SimulatedTimes(random, 100, 5, 0.2, 0.8), b = SimulatedTimes(random, 100, 5, 0.2, 0.8);
    plain += MannWhitney(a, b)->p_value <= 0.05;
    const double inflation = std::max(*VarianceInflation(a), *VarianceInflation(b));
    inflated += MannWhitney(a, b, inflation)->p_value <= 0.05;
  }
  EXPECT_GT(plain, 100);
  EXPECT_LE(inflated, kMostAlarms);
}

TEST(MannWhitneyTest, IsSymmetricAndKnowsOrderAlone) {
  const std::vector<double> a = {1, 5, 2, 8, 8.5}, b = {3, 4, 9, 10};
  const RankTest forward = *MannWhitney(a, b), backward = *MannWhitney(b, a);
  EXPECT_DOUBLE_EQ(forward.p_value, backward.p_value);
  EXPECT_DOUBLE_EQ(forward.superiority, 1 - backward.superiority);
  std::vector<double> squares_a, squares_b;
  for (const double value : a) squares_a.push_back(value * value);
  for (const double value : b) squares_b.push_back(value * value);
  EXPECT_EQ(MannWhitney(squares_a, squares_b)->p_value, forward.p_value);
}

TEST(MannWhitneyTest, EqualValuesSayNothing) {
  const RankTest test = *MannWhitney({2, 2, 2}, {2, 2});
  EXPECT_EQ(test.p_value, 1);
  EXPECT_EQ(test.superiority, 0.5);
  EXPECT_EQ(*CliffsDelta({2, 2}, {2}), 0);
  EXPECT_EQ(*HedgesG({2, 2}, {2, 2}), 0);
}

TEST(SignedRankTest, SeldomRaisesFalseAlarmsAndItsIntervalAgrees) {
  std::mt19937_64 random(23);
  std::normal_distribution<double> normal;
  for (const size_t n : {9, 20, 60}) {
    int alarms = 0;
    for (int i = 0; i < kTrials; ++i) {
      std::vector<double> differences(n);
      for (double& difference : differences) difference = normal(random);
      const PairedTest test = *SignedRank(differences);
      alarms += test.p_value <= 0.05;
      if (test.exact) {
        EXPECT_EQ(test.p_value <= 0.05, test.interval.low > 0 || test.interval.high < 0);
      }
    }
    EXPECT_LE(alarms, kMostAlarms) << n;
  }
}

TEST(SignedRankTest, ZerosAreNoEvidence) {
  EXPECT_EQ(SignedRank({0, 0, 0})->p_value, 1);
  EXPECT_EQ(SignedRank({0, 0, 0})->estimate, 0);
  EXPECT_EQ(SignedRank({0, 1, 2, 3, 4, 5})->p_value, SignedRank({1, 2, 3, 4, 5})->p_value);
}

TEST(PermutationTest, DrawnOnesAgreeWithAllOfThem) {
  const std::vector<double> a = {1.1, 1.4, 0.9, 1.0, 1.3, 1.2, 1.25}, b = {1.5, 1.45, 1.0, 1.6, 1.35, 1.28, 1.7};
  const double all = *PermutationPValue(a, b);  // 3432 ways.

  const double drawn = *PermutationPValue(a, b, {.permutations = 3000, .seed = 9});

  // Four standard errors of a share of 3000.
  EXPECT_NEAR(drawn, all, 4 * std::sqrt(all * (1 - all) / 3000));
  EXPECT_EQ(drawn, *PermutationPValue(a, b, {.permutations = 3000, .seed = 9}));
}

TEST(PermutationTest, TheOrderGivenCounts) {
  EXPECT_DOUBLE_EQ(*PermutationPValue({1, 2, 3}, {7, 8, 9}), 0.1);  // Two of twenty ways are as far apart.
  EXPECT_EQ(*PermutationPValue({5, 5}, {5, 5}), 1);
}

TEST(BenjaminiHochbergTest, IsNoLessStrictThanEachAndNoStricterThanBonferroni) {
  std::mt19937_64 random(24);
  std::uniform_real_distribution<double> uniform;
  std::vector<double> p_values(50);
  for (double& p : p_values) p = uniform(random);
  const std::vector<double> adjusted = *BenjaminiHochberg(p_values);
  for (size_t i = 0; i < p_values.size(); ++i) {
    EXPECT_GE(adjusted[i], p_values[i]);
    EXPECT_LE(adjusted[i], std::min(1.0, 50 * p_values[i]));
    for (size_t j = 0; j < p_values.size(); ++j) EXPECT_TRUE(p_values[i] > p_values[j] || adjusted[i] <= adjusted[j]);
  }
  EXPECT_TRUE(BenjaminiHochberg({})->empty());
}

TEST(HypothesisTest, RefuseWhatTheyCannotTest) {
  const double nan = std::nan("");
  EXPECT_TRUE(absl::IsInvalidArgument(MannWhitney({}, {1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MannWhitney({1}, {nan}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MannWhitney({1}, {2}, 0.5).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SignedRank({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SignedRank({1, nan}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SignedRank(std::vector<double>(2001, 1.0)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(PermutationPValue({1}, {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(PermutationPValue({1}, {2}, {.permutations = 9}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(HedgesG({1}, {2, 3}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(CliffsDelta({}, {2, 3}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BenjaminiHochberg({0.5, 1.5}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(BenjaminiHochberg({nan}).status()));
}

}  // namespace
}  // namespace metronome::statistics
