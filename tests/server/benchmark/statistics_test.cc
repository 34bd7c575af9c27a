#include "server/benchmark/statistics.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace metronome::server {
namespace {

std::vector<double> OneTo(int n) {
  std::vector<double> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

// By hand: sum 40, squared deviations 32, so stddev = sqrt(32 / 7); t(7) = 2.365.
TEST(SummariseTest, MatchesHandComputedValues) {
  const v1::Statistics s = Summarise({9, 2, 5, 4, 4, 5, 4, 7});
  EXPECT_EQ(s.n(), 8);
  EXPECT_DOUBLE_EQ(s.median(), 4.5);
  EXPECT_DOUBLE_EQ(s.mean(), 5);
  EXPECT_DOUBLE_EQ(s.stddev(), std::sqrt(32.0 / 7.0));
  EXPECT_EQ(s.min(), 2);
  EXPECT_EQ(s.max(), 9);
  EXPECT_NEAR(s.ci95_low(), 5 - 1.7878, 1e-3);
  EXPECT_NEAR(s.ci95_high(), 5 + 1.7878, 1e-3);
  EXPECT_DOUBLE_EQ(s.p50(), 4.5);
}

TEST(SummariseTest, OneSampleHasNoSpread) {
  const v1::Statistics s = Summarise({3.25});
  EXPECT_EQ(s.n(), 1);
  EXPECT_EQ(s.median(), 3.25);
  EXPECT_EQ(s.mean(), 3.25);
  EXPECT_EQ(s.stddev(), 0);
  EXPECT_FALSE(s.has_ci95_low());
  EXPECT_FALSE(s.has_p50());
}

TEST(SummariseTest, NoSamplesGiveZeros) {
  const v1::Statistics s = Summarise({});
  EXPECT_EQ(s.n(), 0);
  EXPECT_EQ(s.median(), 0);
  EXPECT_FALSE(s.has_ci95_low());
}

TEST(SummariseTest, PercentilesAppearOnlyWhereNAllows) {
  EXPECT_FALSE(Summarise(OneTo(19)).has_p95());
  EXPECT_TRUE(Summarise(OneTo(20)).has_p95());
  EXPECT_FALSE(Summarise(OneTo(99)).has_p99());
  EXPECT_TRUE(Summarise(OneTo(100)).has_p99());
}

// Linear interpolation at (n - 1) q: 0.95 * 19 = 18.05 and 0.99 * 99 = 98.01, counted from 0.
TEST(SummariseTest, PercentilesInterpolate) {
  EXPECT_NEAR(Summarise(OneTo(20)).p95(), 19.05, 1e-12);
  EXPECT_NEAR(Summarise(OneTo(100)).p99(), 99.01, 1e-12);
}

// Quantiles beyond the table, from published tables of Student's t.
TEST(SummariseTest, IntervalOfManySamplesUsesTheRightQuantile) {
  const std::vector<std::pair<int, double>> quantiles = {
      {31, 2.042}, {32, 2.0395}, {61, 2.0003}, {121, 1.9799}, {1001, 1.9623}};
  for (const auto& [n, t] : quantiles) {
    const v1::Statistics s = Summarise(OneTo(n));
    EXPECT_NEAR((s.ci95_high() - s.mean()) * std::sqrt(n) / s.stddev(), t, 6e-4) << n;
  }
}

TEST(SummariseSamplesTest, SortsSamplesByMetricAndKeepsWhatHasNone) {
  v1::BenchmarkResult result;
  result.mutable_step_ms()->set_median(7);
  for (const auto& [metric, value] :
       {std::pair{"ttft_ms", 10.0}, {"tpot_ms", 1.0}, {"ttft_ms", 30.0}, {"other", 5.0}}) {
    result.add_samples()->set_metric(metric);
    result.mutable_samples(result.samples_size() - 1)->set_value(value);
  }

  SummariseSamples(result);

  EXPECT_EQ(result.ttft_ms().n(), 2);
  EXPECT_EQ(result.ttft_ms().median(), 20);
  EXPECT_EQ(result.tpot_ms().n(), 1);
  EXPECT_EQ(result.tpot_ms().median(), 1);
  EXPECT_EQ(result.step_ms().n(), 0);
  EXPECT_EQ(result.step_ms().median(), 7);
}

}  // namespace
}  // namespace metronome::server
