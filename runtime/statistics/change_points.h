#ifndef METRONOME_RUNTIME_STATISTICS_CHANGE_POINTS_H_
#define METRONOME_RUNTIME_STATISTICS_CHANGE_POINTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

struct ChangePointOptions {
  double significance = 0.05;  // Of each change.
  size_t shortest = 3;         // Values between two changes at least, [2, 1000].
  int permutations = 499;      // [19, 100000].
  uint64_t seed = 1;           // The same seed gives the same changes.
};

struct ChangePoint {
  size_t index = 0;    // Of the first value after the change.
  double p_value = 1;  // As the permutation test gave it.
  double q = 0;        // The scaled energy distance between what is before and after it.
};

// Where a series of values, in the order of time, changes its distribution: E-divisive (Matteson and James 2014,
// arXiv:1306.4933) with exponent 1. Splits the series where the energy distance between the two sides of a segment is
// largest, as long as segments with their values shuffled seldom reach that distance. Ascending. Of a series too short
// to split, none. O(n log n) a permutation. InvalidArgument for a value that is not finite, for more than 5000 values,
// and for an option out of range.
absl::StatusOr<std::vector<ChangePoint>> FindChangePoints(absl::Span<const double> values,
                                                          const ChangePointOptions& options = {});

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_CHANGE_POINTS_H_
