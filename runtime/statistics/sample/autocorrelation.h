#ifndef METRONOME_RUNTIME_STATISTICS_SAMPLE_AUTOCORRELATION_H_
#define METRONOME_RUNTIME_STATISTICS_SAMPLE_AUTOCORRELATION_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

// How many times larger the variance of a mean of these values, in the order they were taken, is than if they were
// independent: 1 where neighbours do not resemble each other. A machine that is slow for some seconds makes it several,
// and n values then tell no more than n / inflation independent ones. By the ranks' correlations: none where chance
// explains that of neighbours, else all up to the first that is negative, as far as a quarter of the sample apart; at
// most n / 2. 1 for fewer than eight values. InvalidArgument for a value that is not finite.
absl::StatusOr<double> VarianceInflation(absl::Span<const double> values);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_SAMPLE_AUTOCORRELATION_H_
