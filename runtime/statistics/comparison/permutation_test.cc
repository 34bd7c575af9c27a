#include "runtime/statistics/comparison/permutation_test.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/random.h"

namespace metronome::statistics {
namespace {

// Sums of the same values in another order differ by roundings; as a share of the values' size.
constexpr double kRounding = 1e-12;

// The ways to choose `k` of `n`, or `limit` + 1 where they are more.
double Choices(size_t n, size_t k, double limit) {
  double choices = 1;
  for (size_t i = 1; i <= k && choices <= limit; ++i)
    choices = choices * static_cast<double>(n - k + i) / static_cast<double>(i);
  return std::min(choices, limit + 1);
}

// How far the sum of the first `n` of all values is from what their share of the total would be.
class Distance {
 public:
  Distance(const std::vector<double>& all, size_t n)
      : n_(n),
        expected_(std::accumulate(all.begin(), all.end(), 0.0) * static_cast<double>(n) /
                  static_cast<double>(all.size())) {}
  double Of(const std::vector<double>& all) const {
    return OfSum(std::accumulate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n_), 0.0));
  }
  double OfSum(double sum) const { return std::abs(sum - expected_); }

 private:
  const size_t n_;
  const double expected_;
};

// Goes through all choices of n, each once, in lexicographic order.
double ExactPValue(const std::vector<double>& all, size_t n, const Distance& distance, double given) {
  std::vector<size_t> chosen(n);
  std::iota(chosen.begin(), chosen.end(), size_t{0});
  double count = 0, extreme = 0;
  for (;;) {
    double sum = 0;
    for (const size_t index : chosen) sum += all[index];
    ++count;
    if (distance.OfSum(sum) >= given) ++extreme;
    size_t i = n;
    while (i > 0 && chosen[i - 1] == all.size() - n + i - 1) --i;
    if (i == 0) return extreme / count;
    ++chosen[i - 1];
    for (; i < n; ++i) chosen[i] = chosen[i - 1] + 1;
  }
}

}  // namespace

absl::StatusOr<double> PermutationPValue(absl::Span<const double> a, absl::Span<const double> b,
                                         const PermutationOptions& options) {
  RETURN_IF_ERROR(CheckValues("the first sample", a, 1));
  RETURN_IF_ERROR(CheckValues("the second sample", b, 1));
  if (options.permutations < 100 || options.permutations > 10000000)
    return absl::InvalidArgumentError(
        absl::StrCat("permutations is ", options.permutations, ", not in [100, 10000000]"));
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  double size = 0;
  for (const double value : all) size += std::abs(value);
  const Distance distance(all, a.size());
  const double given = distance.Of(all) - kRounding * size;
  if (Choices(all.size(), a.size(), options.permutations) <= options.permutations)
    return ExactPValue(all, a.size(), distance, given);
  Random random(options.seed);
  double extreme = 1;  // The order given is one of them.
  for (int i = 0; i < options.permutations; ++i) {
    random.Shuffle(absl::MakeSpan(all));
    if (distance.Of(all) >= given) ++extreme;
  }
  return extreme / (options.permutations + 1);
}

}  // namespace metronome::statistics
