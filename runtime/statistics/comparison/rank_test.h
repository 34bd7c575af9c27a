#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_RANK_TEST_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_RANK_TEST_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

// Whether values of one sample tend to be larger than those of another.
struct RankTest {
  double u = 0;            // Pairs in which b's value is the larger one; equal ones count half.
  double superiority = 0;  // The share of such pairs: 0.5 where neither tends to be larger.
  double p_value = 1;      // Two-sided.
  bool exact = false;      // The p-value is that of the distribution of u itself, else of its normal approximation.
};

// The test of Mann and Whitney (1947). Exact for up to 60 values without ties; else normal, with corrections for ties
// and continuity. `variance_inflation` >= 1 widens the normal approximation for samples whose neighbours resemble each
// other (autocorrelation.h); the test is then never exact. InvalidArgument for an empty sample, a value that is not
// finite, an inflation below 1.
absl::StatusOr<RankTest> MannWhitney(absl::Span<const double> a, absl::Span<const double> b,
                                     double variance_inflation = 1);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_RANK_TEST_H_
