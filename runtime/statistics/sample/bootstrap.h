#ifndef METRONOME_RUNTIME_STATISTICS_SAMPLE_BOOTSTRAP_H_
#define METRONOME_RUNTIME_STATISTICS_SAMPLE_BOOTSTRAP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/statistics/sample/interval.h"

namespace metronome::statistics {

struct BootstrapOptions {
  int resamples = 2000;  // [100, 1000000].
  double confidence = 0.95;
  uint64_t seed = 1;  // The same seed gives the same interval.
  // Neighbours drawn together, so that what they share widens the interval (Künsch 1989); 1: values are independent.
  int64_t block = 1;
};

// Percentile intervals (Efron 1979) of the median of a sample, and of the ratio of the medians of two, median(b) /
// median(a), each resampled by itself. InvalidArgument for fewer than two values (of the ratio: or one that is not
// positive), a value that is not finite, an option out of range.
absl::StatusOr<Interval> BootstrapMedian(absl::Span<const double> values, const BootstrapOptions& options = {});
absl::StatusOr<Interval> BootstrapRatio(absl::Span<const double> a, absl::Span<const double> b,
                                        const BootstrapOptions& options = {});

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_SAMPLE_BOOTSTRAP_H_
