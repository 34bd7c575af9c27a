#include "runtime/statistics/planning/sample_size.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/distributions.h"
#include "runtime/statistics/sample/autocorrelation.h"
#include "runtime/statistics/sample/quantile.h"

namespace metronome::statistics {
namespace {

constexpr double kMostIterations = 1e9;  // More than anybody takes; fits an int64_t.

absl::Status CheckEffect(absl::string_view name, double effect) {
  if (effect > 0 && std::isfinite(effect)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", effect, ", not positive"));
}

// The variance that one value adds to that of a median of logarithms.
absl::StatusOr<double> LogVariance(absl::Span<const double> values) {
  ASSIGN_OR_RETURN(const double inflation, VarianceInflation(values));
  const double deviation = RobustDeviation(Logarithms(values));
  return inflation * deviation * deviation;
}

}  // namespace

absl::StatusOr<double> RelativeHalfWidth(absl::Span<const double> values, const BootstrapOptions& options) {
  RETURN_IF_ERROR(CheckPositive("the sample", values, 2));
  ASSIGN_OR_RETURN(const double inflation, VarianceInflation(values));
  BootstrapOptions independent = options;
  independent.block = 1;
  ASSIGN_OR_RETURN(const Interval interval, BootstrapMedian(values, independent));
  const auto n = static_cast<double>(values.size());
  // Where values are normal, the deviation of the median is sqrt(pi / 2) times that of the mean.
  const double normal =
      std::sqrt(std::numbers::pi / 2 / n) * TwoSidedStudent(options.confidence, n - 1) * RobustDeviation(values);
  const double half_width = std::max((interval.high - interval.low) / 2, normal);
  return std::sqrt(inflation) * half_width / Median({values.begin(), values.end()});
}

absl::StatusOr<int64_t> IterationsForHalfWidth(absl::Span<const double> values, double target,
                                               const BootstrapOptions& options) {
  RETURN_IF_ERROR(CheckEffect("target", target));
  ASSIGN_OR_RETURN(const double width, RelativeHalfWidth(values, options));
  const auto n = static_cast<double>(values.size());
  if (width <= target) return static_cast<int64_t>(values.size());
  return static_cast<int64_t>(std::min(kMostIterations, std::ceil(n * (width / target) * (width / target))));
}

absl::StatusOr<int64_t> IterationsToDetect(absl::Span<const double> a, absl::Span<const double> b, double effect,
                                           const Power& power) {
  RETURN_IF_ERROR(CheckPositive("the first sample", a, 2));
  RETURN_IF_ERROR(CheckPositive("the second sample", b, 2));
  RETURN_IF_ERROR(CheckEffect("effect", effect));
  RETURN_IF_ERROR(CheckProbability("significance", power.significance));
  RETURN_IF_ERROR(CheckProbability("power", power.power));
  ASSIGN_OR_RETURN(const double first, LogVariance(a));
  ASSIGN_OR_RETURN(const double second, LogVariance(b));
  const double quantiles = TwoSidedNormal(1 - power.significance) + NormalQuantile(power.power);
  const double shift = std::log1p(effect);
  // Pi / 3: what ranks lose against means where values are normal.
  const double n = std::numbers::pi / 3 * quantiles * quantiles * (first + second) / (shift * shift);
  return static_cast<int64_t>(std::clamp(std::ceil(n), 2.0, kMostIterations));
}

}  // namespace metronome::statistics
