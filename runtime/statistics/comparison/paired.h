#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_PAIRED_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_PAIRED_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/statistics/sample/interval.h"

namespace metronome::statistics {

// What pairs of measurements, each taken side by side, say of the difference between the two kinds.
struct PairedTest {
  double positive_rank_sum = 0;  // Of differences above 0.
  double p_value = 1;            // Two-sided, of no difference.
  bool exact = false;
  double estimate = 0;  // The median of the means of all two differences (Hodges and Lehmann 1963).
  Interval interval;    // Of the estimate; the one that belongs to the test.
};

// The signed-rank test of Wilcoxon (1945) on the pairs' differences. Zeros leave the test and stay in the estimate.
// Exact for up to 50 differences without ties; else normal, with corrections for ties and continuity. InvalidArgument
// for none or for more than 2000, a value that is not finite, a confidence outside (0, 1).
absl::StatusOr<PairedTest> SignedRank(absl::Span<const double> differences, double confidence = 0.95);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_PAIRED_H_
