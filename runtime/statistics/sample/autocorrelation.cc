#include "runtime/statistics/sample/autocorrelation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/comparison/ranks.h"

namespace metronome::statistics {
namespace {

constexpr size_t kFewest = 8;
// A correlation of independent values exceeds this many times 1 / sqrt(n) once in twenty.
constexpr double kChance = 1.645;

double CorrelationAt(const std::vector<double>& centred, size_t lag, double variance) {
  double sum = 0;
  for (size_t i = lag; i < centred.size(); ++i) sum += centred[i] * centred[i - lag];
  return sum / variance;
}

}  // namespace

absl::StatusOr<double> VarianceInflation(absl::Span<const double> values) {
  RETURN_IF_ERROR(CheckValues("the sample", values, 0));
  const auto n = static_cast<double>(values.size());
  if (values.size() < kFewest) return 1;
  std::vector<double> centred = RankValues(values).ranks;  // Outliers are ranks like others.
  double variance = 0;
  for (double& rank : centred) {
    rank -= (n + 1) / 2;
    variance += rank * rank;
  }
  if (variance == 0) return 1;
  double inflation = 1;
  const size_t farthest = std::max<size_t>(1, values.size() / 4);
  for (size_t lag = 1; lag <= farthest; ++lag) {
    const double correlation = CorrelationAt(centred, lag, variance);
    if (correlation < (lag == 1 ? kChance / std::sqrt(n) : 0)) break;
    inflation += 2 * correlation;
  }
  return std::min(inflation, n / 2);
}

}  // namespace metronome::statistics
