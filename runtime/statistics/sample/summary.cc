#include "runtime/statistics/sample/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/distributions.h"
#include "runtime/statistics/sample/quantile.h"

namespace metronome::statistics {

absl::StatusOr<Summary> Summarise(absl::Span<const double> values) {
  RETURN_IF_ERROR(CheckValues("the sample", values, 1));
  Summary summary = {.n = static_cast<int64_t>(values.size()), .sorted = {values.begin(), values.end()}};
  std::sort(summary.sorted.begin(), summary.sorted.end());
  const auto n = static_cast<double>(values.size());
  summary.mean = std::accumulate(summary.sorted.begin(), summary.sorted.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.stddev = values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  summary.median = SortedQuantile(summary.sorted, 0.5);
  return summary;
}

absl::StatusOr<Interval> MeanInterval(absl::Span<const double> values, double confidence) {
  RETURN_IF_ERROR(CheckValues("the sample", values, 2));
  RETURN_IF_ERROR(CheckProbability("confidence", confidence));
  ASSIGN_OR_RETURN(const Summary summary, Summarise(values));
  const auto n = static_cast<double>(summary.n);
  const double half_width = TwoSidedStudent(confidence, n - 1) * summary.stddev / std::sqrt(n);
  return Interval{summary.mean - half_width, summary.mean + half_width};
}

}  // namespace metronome::statistics
