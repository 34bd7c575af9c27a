#ifndef METRONOME_RUNTIME_STATISTICS_PLANNING_NOISE_FLOOR_H_
#define METRONOME_RUNTIME_STATISTICS_PLANNING_NOISE_FLOOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

// How much repeats of one thing differ.
struct NoiseFloor {
  // Two repeats differ by less than this share of their value at the confidence asked for.
  double relative = 0;
  int64_t repeats = 0;  // That it was learned from.
};

// The floor comes from the medians of repeated measurements, a group for each thing that was repeated; a group of one
// says nothing. The groups' variances of logarithms are pooled; with few repeats Student's t makes the floor as high as
// that demands. InvalidArgument where no group has two values, a value is not positive and finite, or the confidence is
// outside (0, 1).
absl::StatusOr<NoiseFloor> LearnNoiseFloor(absl::Span<const std::vector<double>> groups, double confidence = 0.95);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_PLANNING_NOISE_FLOOR_H_
