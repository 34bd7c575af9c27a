#include "runtime/statistics/comparison/effect_size.h"

#include <cmath>

#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/comparison/rank_test.h"
#include "runtime/statistics/sample/summary.h"

namespace metronome::statistics {

absl::StatusOr<double> CliffsDelta(absl::Span<const double> a, absl::Span<const double> b) {
  ASSIGN_OR_RETURN(const RankTest test, MannWhitney(a, b));
  return 2 * test.superiority - 1;
}

absl::StatusOr<double> HedgesG(absl::Span<const double> a, absl::Span<const double> b) {
  RETURN_IF_ERROR(CheckValues("the first sample", a, 2));
  RETURN_IF_ERROR(CheckValues("the second sample", b, 2));
  ASSIGN_OR_RETURN(const Summary first, Summarise(a));
  ASSIGN_OR_RETURN(const Summary second, Summarise(b));
  const auto n = static_cast<double>(first.n), m = static_cast<double>(second.n), degrees = n + m - 2;
  const double variance = ((n - 1) * first.stddev * first.stddev + (m - 1) * second.stddev * second.stddev) / degrees;
  if (variance == 0 && first.mean == second.mean) return 0;
  // Hedges 1981, equation 6e: the exact correction, of which 1 - 3 / (4 * degrees - 1) is the common approximation.
  const double correction =
      std::exp(std::lgamma(degrees / 2) - std::lgamma((degrees - 1) / 2)) / std::sqrt(degrees / 2);
  return correction * (second.mean - first.mean) / std::sqrt(variance);
}

}  // namespace metronome::statistics
