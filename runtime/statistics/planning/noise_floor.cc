#include "runtime/statistics/planning/noise_floor.h"

#include <cmath>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/distributions.h"
#include "runtime/statistics/sample/quantile.h"

namespace metronome::statistics {

absl::StatusOr<NoiseFloor> LearnNoiseFloor(absl::Span<const std::vector<double>> groups, double confidence) {
  RETURN_IF_ERROR(CheckProbability("confidence", confidence));
  NoiseFloor floor;
  double squares = 0, degrees = 0;
  for (const std::vector<double>& group : groups) {
    RETURN_IF_ERROR(CheckPositive("a group of repeats", group, 0));
    if (group.size() < 2) continue;
    const std::vector<double> logarithms = Logarithms(group);
    double mean = 0;
    for (const double value : logarithms) mean += value / static_cast<double>(logarithms.size());
    for (const double value : logarithms) squares += (value - mean) * (value - mean);
    degrees += static_cast<double>(group.size()) - 1;
    floor.repeats += static_cast<int64_t>(group.size());
  }
  if (degrees == 0) return absl::InvalidArgumentError("nothing was repeated");
  // The difference of two repeats has twice the variance of one.
  floor.relative = std::expm1(TwoSidedStudent(confidence, degrees) * std::sqrt(2 * squares / degrees));
  return floor;
}

}  // namespace metronome::statistics
