#ifndef METRONOME_RUNTIME_STATISTICS_SAMPLE_QUANTILE_H_
#define METRONOME_RUNTIME_STATISTICS_SAMPLE_QUANTILE_H_

#include <vector>

#include "absl/types/span.h"

namespace metronome::statistics {

// The value below which a share q in [0, 1] of `sorted` (ascending) lies, by linear interpolation between neighbours as
// NumPy does it. NaN for no values.
double SortedQuantile(absl::Span<const double> sorted, double q);

// The middle value, or the mean of the middle two. NaN for no values.
double Median(std::vector<double> values);

// A standard deviation that a few outliers do not move: 1.4826 times the median distance from the median, which is the
// deviation where values are normal. NaN for no values.
double RobustDeviation(absl::Span<const double> values);

// The natural logarithm of each value, which makes ratios of times differences.
std::vector<double> Logarithms(absl::Span<const double> values);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_SAMPLE_QUANTILE_H_
