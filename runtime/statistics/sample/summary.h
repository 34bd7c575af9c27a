#ifndef METRONOME_RUNTIME_STATISTICS_SAMPLE_SUMMARY_H_
#define METRONOME_RUNTIME_STATISTICS_SAMPLE_SUMMARY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/statistics/sample/interval.h"

namespace metronome::statistics {

struct Summary {
  int64_t n = 0;
  double median = 0;
  double mean = 0;
  double stddev = 0;  // Of the sample, with n - 1; 0 for n = 1.
  std::vector<double> sorted;
};

// InvalidArgument for no values and for one that is not finite.
absl::StatusOr<Summary> Summarise(absl::Span<const double> values);

// Student's t interval of the mean. InvalidArgument as above, for fewer than two values, and for a confidence outside
// (0, 1).
absl::StatusOr<Interval> MeanInterval(absl::Span<const double> values, double confidence = 0.95);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_SAMPLE_SUMMARY_H_
