#include "runtime/statistics/sample/bootstrap.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/random.h"
#include "runtime/statistics/sample/quantile.h"

namespace metronome::statistics {
namespace {

absl::Status CheckOptions(const BootstrapOptions& options) {
  if (options.resamples < 100 || options.resamples > 1000000)
    return absl::InvalidArgumentError(absl::StrCat("resamples is ", options.resamples, ", not in [100, 1000000]"));
  if (options.block < 1) return absl::InvalidArgumentError(absl::StrCat("block is ", options.block, ", less than 1"));
  return CheckProbability("confidence", options.confidence);
}

// Medians of resamples of one sample.
class Resampler {
 public:
  Resampler(absl::Span<const double> values, int64_t block)
      : values_(values), block_(std::min(static_cast<size_t>(block), values.size())) {}

  double DrawMedian(Random& random) {
    drawn_.clear();
    while (drawn_.size() < values_.size()) {
      const size_t begin = random.Below(values_.size() - block_ + 1);
      const size_t count = std::min(block_, values_.size() - drawn_.size());
      drawn_.insert(drawn_.end(), values_.begin() + static_cast<std::ptrdiff_t>(begin),
                    values_.begin() + static_cast<std::ptrdiff_t>(begin + count));
    }
    return Median(drawn_);
  }

 private:
  const absl::Span<const double> values_;
  const size_t block_;
  std::vector<double> drawn_;
};

Interval PercentileInterval(std::vector<double> statistics, double confidence) {
  std::sort(statistics.begin(), statistics.end());
  return {SortedQuantile(statistics, (1 - confidence) / 2), SortedQuantile(statistics, (1 + confidence) / 2)};
}

}  // namespace

absl::StatusOr<Interval> BootstrapMedian(absl::Span<const double> values, const BootstrapOptions& options) {
  RETURN_IF_ERROR(CheckValues("the sample", values, 2));
  RETURN_IF_ERROR(CheckOptions(options));
  Random random(options.seed);
  Resampler sample(values, options.block);
  std::vector<double> medians(static_cast<size_t>(options.resamples));
  for (double& median : medians) median = sample.DrawMedian(random);
  return PercentileInterval(std::move(medians), options.confidence);
}

absl::StatusOr<Interval> BootstrapRatio(absl::Span<const double> a, absl::Span<const double> b,
                                        const BootstrapOptions& options) {
  RETURN_IF_ERROR(CheckPositive("the first sample", a, 2));
  RETURN_IF_ERROR(CheckPositive("the second sample", b, 2));
  RETURN_IF_ERROR(CheckOptions(options));
  Random random(options.seed);
  Resampler first(a, options.block), second(b, options.block);
  std::vector<double> ratios(static_cast<size_t>(options.resamples));
  for (double& ratio : ratios) {
    const double denominator = first.DrawMedian(random);
    ratio = second.DrawMedian(random) / denominator;
  }
  return PercentileInterval(std::move(ratios), options.confidence);
}

}  // namespace metronome::statistics
