#ifndef METRONOME_RUNTIME_STATISTICS_PLANNING_SAMPLE_SIZE_H_
#define METRONOME_RUNTIME_STATISTICS_PLANNING_SAMPLE_SIZE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/statistics/sample/bootstrap.h"

namespace metronome::statistics {

// Half the width of the interval of the median, as a share of it: by the bootstrap or by the spread of the values where
// they are normal, whichever is larger, since either alone is often too narrow by chance for a dozen values. Neighbours
// that resemble each other widen it (autocorrelation.h), whatever options.block says. InvalidArgument for fewer than
// two values, one that is not positive and finite, options out of range.
absl::StatusOr<double> RelativeHalfWidth(absl::Span<const double> values, const BootstrapOptions& options = {});

// How many values like these, these included, give a RelativeHalfWidth of at most `target`: n (width / target)^2, and
// no fewer than there are. InvalidArgument as above and for a target that is not positive.
absl::StatusOr<int64_t> IterationsForHalfWidth(absl::Span<const double> values, double target,
                                               const BootstrapOptions& options = {});

struct Power {
  double significance = 0.05;  // Of a two-sided test.
  double power = 0.95;         // The chance to find an effect that is there.
};

// How many values a sample Mann and Whitney's test needs to find a change by `effect` (0.05: by 5%) between samples
// like these: Noether 1987 with the spread of the logarithms, each sample's neighbours considered as above. At least
// two. InvalidArgument for fewer than two values a sample, one that is not positive and finite, an effect that is not
// positive, a probability outside (0, 1).
absl::StatusOr<int64_t> IterationsToDetect(absl::Span<const double> a, absl::Span<const double> b, double effect,
                                           const Power& power = {});

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_PLANNING_SAMPLE_SIZE_H_
