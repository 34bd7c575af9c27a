#include "runtime/statistics/comparison/rank_test.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/comparison/ranks.h"
#include "runtime/statistics/distributions.h"

namespace metronome::statistics {
namespace {

constexpr size_t kExactLimit = 60;

// The probability that U is at most `u` when both samples come from one distribution. Orders with a given U are counted
// by the recurrence of the Gaussian binomial coefficient: multiply by (1 - x^(m+i)), divide by (1 - x^i), for i
// in 1..n.
double ExactCdf(size_t n, size_t m, size_t u) {
  std::vector<double> orders(n * m + 1, 0.0);
  orders[0] = 1;
  for (size_t i = 1; i <= n; ++i) {
    for (size_t k = orders.size(); k-- > m + i;) orders[k] -= orders[k - m - i];
    for (size_t k = i; k < orders.size(); ++k) orders[k] += orders[k - i];
  }
  double below = 0, all = 0;
  for (size_t k = 0; k < orders.size(); ++k) {
    all += orders[k];
    if (k <= u) below += orders[k];
  }
  return below / all;
}

}  // namespace

absl::StatusOr<RankTest> MannWhitney(absl::Span<const double> a, absl::Span<const double> b,
                                     double variance_inflation) {
  RETURN_IF_ERROR(CheckValues("the first sample", a, 1));
  RETURN_IF_ERROR(CheckValues("the second sample", b, 1));
  if (!(variance_inflation >= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("variance_inflation is ", variance_inflation, ", less than 1"));
  }
  std::vector<double> both(a.begin(), a.end());
  both.insert(both.end(), b.begin(), b.end());
  const Ranks ranks = RankValues(both);
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size()), total = n + m;
  double rank_sum = 0;
  for (size_t i = a.size(); i < both.size(); ++i) rank_sum += ranks.ranks[i];
  RankTest test = {.u = rank_sum - m * (m + 1) / 2};
  test.superiority = test.u / (n * m);
  const double smaller = std::min(test.u, n * m - test.u);
  if (ranks.tie_term == 0 && both.size() <= kExactLimit && variance_inflation == 1) {
    test.exact = true;
    test.p_value = std::min(1.0, 2 * ExactCdf(a.size(), b.size(), static_cast<size_t>(smaller)));
    return test;
  }
  const double variance = variance_inflation * n * m / 12 * (total + 1 - ranks.tie_term / (total * (total - 1)));
  if (!(variance > 0)) return test;  // All values are equal.
  const double z = std::max(0.0, n * m / 2 - smaller - 0.5) / std::sqrt(variance);
  test.p_value = std::min(1.0, 2 * NormalCdf(-z));
  return test;
}

}  // namespace metronome::statistics
