#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_SHIFT_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_SHIFT_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/statistics/sample/interval.h"

namespace metronome::statistics {

struct Shift {
  double estimate = 0;
  Interval interval;
};

// By how much b's values are larger than a's: the median of all differences (Hodges and Lehmann 1963), with the
// interval that belongs to the test of Mann and Whitney, normal from 10 values on; with fewer it may be as wide as the
// differences are. `variance_inflation` as there. Of logarithms it is that of a ratio. Takes O((n + m) log) time, not n
// m. InvalidArgument as MannWhitney, and for a confidence outside (0, 1).
absl::StatusOr<Shift> HodgesLehmannShift(absl::Span<const double> a, absl::Span<const double> b,
                                         double confidence = 0.95, double variance_inflation = 1);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_SHIFT_H_
