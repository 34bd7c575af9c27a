#include "runtime/statistics/comparison/paired.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/comparison/ranks.h"
#include "runtime/statistics/distributions.h"
#include "runtime/statistics/sample/quantile.h"

namespace metronome::statistics {
namespace {

constexpr size_t kExactLimit = 50;
constexpr size_t kMaxDifferences = 2000;  // Their pairs' means are 16 MB.

// The probability of each rank sum from 0 to n (n + 1) / 2 when every sign is a coin's.
std::vector<double> RankSumProbabilities(size_t n) {
  std::vector<double> probability(n * (n + 1) / 2 + 1, 0.0);
  probability[0] = 1;
  for (size_t rank = 1; rank <= n; ++rank) {
    for (size_t sum = probability.size(); sum-- > 0;)
      probability[sum] = (probability[sum] + (sum >= rank ? probability[sum - rank] : 0)) / 2;
  }
  return probability;
}

double ExactPValue(size_t n, double smaller) {
  const std::vector<double> probability = RankSumProbabilities(n);
  double below = 0;
  for (size_t sum = 0; static_cast<double>(sum) <= smaller; ++sum) below += probability[sum];
  return std::min(1.0, 2 * below);
}

void Test(const std::vector<double>& nonzero, PairedTest& test) {
  std::vector<double> sizes(nonzero.size());
  std::transform(nonzero.begin(), nonzero.end(), sizes.begin(), [](double value) { return std::abs(value); });
  const Ranks ranks = RankValues(sizes);
  for (size_t i = 0; i < nonzero.size(); ++i)
    if (nonzero[i] > 0) test.positive_rank_sum += ranks.ranks[i];
  const auto n = static_cast<double>(nonzero.size());
  const double smaller = std::min(test.positive_rank_sum, n * (n + 1) / 2 - test.positive_rank_sum);
  test.exact = ranks.tie_term == 0 && nonzero.size() <= kExactLimit;
  if (test.exact) {
    test.p_value = ExactPValue(nonzero.size(), smaller);
    return;
  }
  const double variance = n * (n + 1) * (2 * n + 1) / 24 - ranks.tie_term / 48;
  const double z = std::max(0.0, n * (n + 1) / 4 - smaller - 0.5) / std::sqrt(variance);
  test.p_value = std::min(1.0, 2 * NormalCdf(-z));
}

// How many of the smallest means lie outside the interval at each end.
size_t OutsideEachEnd(size_t n, double confidence) {
  const auto count = static_cast<double>(n);
  if (n > kExactLimit) {
    const double spread = TwoSidedNormal(confidence) * std::sqrt(count * (count + 1) * (2 * count + 1) / 24);
    return static_cast<size_t>(std::max(0.0, std::floor(count * (count + 1) / 4 - spread)));
  }
  const std::vector<double> probability = RankSumProbabilities(n);
  double below = 0;
  size_t outside = 0;
  while ((below += probability[outside]) <= (1 - confidence) / 2) ++outside;
  return outside;
}

}  // namespace

absl::StatusOr<PairedTest> SignedRank(absl::Span<const double> differences, double confidence) {
  RETURN_IF_ERROR(CheckValues("the sample of differences", differences, 1));
  RETURN_IF_ERROR(CheckProbability("confidence", confidence));
  if (differences.size() > kMaxDifferences)
    return absl::InvalidArgumentError(absl::StrCat(differences.size(), " differences are more than ", kMaxDifferences));
  std::vector<double> nonzero;
  std::copy_if(differences.begin(), differences.end(), std::back_inserter(nonzero), [](double d) { return d != 0; });
  PairedTest test;
  if (!nonzero.empty()) Test(nonzero, test);
  std::vector<double> means;
  means.reserve(differences.size() * (differences.size() + 1) / 2);
  for (size_t i = 0; i < differences.size(); ++i) {
    for (size_t j = i; j < differences.size(); ++j) means.push_back((differences[i] + differences[j]) / 2);
  }
  std::sort(means.begin(), means.end());
  test.estimate = SortedQuantile(means, 0.5);
  const size_t outside = OutsideEachEnd(differences.size(), confidence);
  // With so few pairs that no interval has the confidence, this one is all there is.
  const size_t end = outside == 0 ? 0 : outside - 1;
  test.interval = {means[end], means[means.size() - 1 - end]};
  return test;
}

}  // namespace metronome::statistics
