#include "runtime/statistics/sample/quantile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

namespace metronome::statistics {

double SortedQuantile(absl::Span<const double> sorted, double q) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double at = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double Median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  const double below = *std::max_element(values.begin(), middle);
  return below + (*middle - below) / 2;
}

double RobustDeviation(absl::Span<const double> values) {
  constexpr double kNormalScale = 1.482602218505602;  // 1 / (the normal distribution's upper quartile).
  std::vector<double> distances(values.begin(), values.end());
  const double median = Median(distances);
  for (double& value : distances) value = std::abs(value - median);
  return kNormalScale * Median(std::move(distances));
}

std::vector<double> Logarithms(absl::Span<const double> values) {
  std::vector<double> logarithms(values.size());
  std::transform(values.begin(), values.end(), logarithms.begin(), [](double value) { return std::log(value); });
  return logarithms;
}

}  // namespace metronome::statistics
