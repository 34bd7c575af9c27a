#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_EFFECT_SIZE_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_EFFECT_SIZE_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

// How far apart two samples are, whatever their sizes.

// Cliff's delta: the share of pairs in which b's value is larger, less the share in which a's is; in [-1, 1].
// InvalidArgument for an empty sample or a value that is not finite.
absl::StatusOr<double> CliffsDelta(absl::Span<const double> a, absl::Span<const double> b);

// Hedges' g: the difference of means b - a over their pooled deviation, without the bias of small samples. 0 where all
// values are equal. InvalidArgument as above, and for fewer than two values a sample.
absl::StatusOr<double> HedgesG(absl::Span<const double> a, absl::Span<const double> b);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_EFFECT_SIZE_H_
