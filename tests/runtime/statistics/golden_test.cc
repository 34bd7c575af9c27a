// What SciPy and NumPy give for the same values; tests/golden/statistics/generate.py made the file.

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/statistics/change_points.h"
#include "runtime/statistics/comparison/effect_size.h"
#include "runtime/statistics/comparison/false_discovery.h"
#include "runtime/statistics/comparison/paired.h"
#include "runtime/statistics/comparison/permutation_test.h"
#include "runtime/statistics/comparison/rank_test.h"
#include "runtime/statistics/comparison/ranks.h"
#include "runtime/statistics/comparison/shift.h"
#include "runtime/statistics/distributions.h"
#include "runtime/statistics/sample/quantile.h"
#include "runtime/statistics/sample/summary.h"

namespace metronome::statistics {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;
using Json = nlohmann::json;
using Values = std::vector<double>;

constexpr double kTolerance = 1e-9;  // Relative, of sums of some tens of values in another order.

class GoldenTest : public testing::Test {
 protected:
  GoldenTest() { std::ifstream(METRONOME_GOLDEN_DIR "/statistics/cases.json") >> cases_; }

  static void ExpectNear(double value, double expected) {
    EXPECT_NEAR(value, expected, kTolerance * std::max(1.0, std::abs(expected)));
  }
  static void ExpectInterval(const absl::StatusOr<Interval>& interval, const Json& expected) {
    ASSERT_TRUE(interval.ok()) << interval.status();
    ExpectNear(interval->low, expected[0]);
    ExpectNear(interval->high, expected[1]);
  }

  Json cases_;
};

TEST_F(GoldenTest, Quantiles) {
  for (const Json& at : cases_["normal"]) ExpectNear(NormalQuantile(at[0]), at[1]);
  for (const Json& at : cases_["student"]) {
    SCOPED_TRACE(at.dump());
    // SciPy itself is right to 10 digits with many degrees of freedom.
    EXPECT_NEAR(StudentQuantile(at[0], at[1]), at[2].get<double>(), 1e-8 * std::abs(at[2].get<double>()));
    EXPECT_NEAR(StudentCdf(at[2], at[1]), at[0].get<double>(), 1e-8);
  }
}

TEST_F(GoldenTest, OneSample) {
  ASSERT_FALSE(cases_["one"].empty());
  for (const Json& expected : cases_["one"]) {
    SCOPED_TRACE(expected["values"].dump());
    const Values values = expected["values"];
    const auto summary = Summarise(values);
    ASSERT_TRUE(summary.ok());
    ExpectNear(summary->median, expected["median"]);
    ExpectNear(Median(values), expected["median"]);
    ExpectNear(summary->mean, expected["mean"]);
    ExpectNear(summary->stddev, expected["stddev"]);
    ExpectNear(RobustDeviation(values), expected["robust_deviation"]);
    ExpectNear(SortedQuantile(summary->sorted, 0.05), expected["quantiles"][0]);
    ExpectNear(SortedQuantile(summary->sorted, 0.95), expected["quantiles"][2]);
    EXPECT_THAT(RankValues(values).ranks, Pointwise(DoubleNear(0), expected["ranks"].get<Values>()));
    ExpectInterval(MeanInterval(values), expected["mean_interval_0.95"]);
    ExpectInterval(MeanInterval(values, 0.9), expected["mean_interval_0.9"]);
    ExpectInterval(MeanInterval(values, 0.99), expected["mean_interval_0.99"]);
  }
}

TEST_F(GoldenTest, TwoSamples) {
  int exact = 0, permuted = 0;
  for (const Json& expected : cases_["two"]) {
    SCOPED_TRACE(expected.dump());
    const Values a = expected["a"], b = expected["b"];
    const auto test = MannWhitney(a, b);
    ASSERT_TRUE(test.ok());
    EXPECT_EQ(test->u, expected["u"].get<double>());
    ExpectNear(test->p_value, expected[test->exact ? "exact_p" : "asymptotic_p"]);
    ExpectNear(*CliffsDelta(a, b), 2 * expected["u"].get<double>() / static_cast<double>(a.size() * b.size()) - 1);
    ExpectNear(*HedgesG(a, b), expected["hedges_g"]);
    const auto shift = HodgesLehmannShift(a, b);
    ASSERT_TRUE(shift.ok());
    ExpectNear(shift->estimate, expected["hodges_lehmann"]["estimate"]);
    ExpectInterval(shift->interval, expected["hodges_lehmann"]["interval"]);
    exact += test->exact;
    EXPECT_EQ(test->exact, !expected["ties"] && a.size() + b.size() <= 60);
    if (!expected.contains("permutation_p")) continue;
    ExpectNear(*PermutationPValue(a, b), expected["permutation_p"]);
    ++permuted;
  }
  EXPECT_GE(exact, 4);
  EXPECT_GE(permuted, 4);
}

TEST_F(GoldenTest, Pairs) {
  for (const Json& expected : cases_["paired"]) {
    SCOPED_TRACE(expected.dump());
    const auto test = SignedRank(expected["differences"].get<Values>());
    ASSERT_TRUE(test.ok());
    EXPECT_EQ(test->exact, expected["exact"].get<bool>());
    ExpectNear(test->p_value, expected["p_value"]);
    ExpectNear(test->estimate, expected["estimate"]);
  }
}

TEST_F(GoldenTest, FalseDiscoveries) {
  for (const Json& expected : cases_["false_discovery"]) {
    const auto adjusted = BenjaminiHochberg(expected["p"].get<Values>());
    ASSERT_TRUE(adjusted.ok());
    EXPECT_THAT(*adjusted, Pointwise(DoubleNear(kTolerance), expected["adjusted"].get<Values>()));
  }
}

TEST_F(GoldenTest, ChangePoints) {
  for (const Json& expected : cases_["series"]) {
    SCOPED_TRACE(expected.dump());
    const auto changes = FindChangePoints(expected["values"].get<Values>());
    ASSERT_TRUE(changes.ok());
    std::vector<size_t> indices;
    bool found = false;
    for (const ChangePoint& change : *changes) {
      indices.push_back(change.index);
      if (change.index != expected["best_split"]) continue;
      ExpectNear(change.q, expected["q"]);  // The first split is of the whole series, as the formula's is.
      found = true;
    }
    EXPECT_EQ(indices, expected["changes"].get<std::vector<size_t>>());
    EXPECT_EQ(found, !changes->empty());
  }
}

}  // namespace
}  // namespace metronome::statistics
