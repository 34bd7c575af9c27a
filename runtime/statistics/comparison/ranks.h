#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_RANKS_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_RANKS_H_

#include <vector>

#include "absl/types/span.h"

namespace metronome::statistics {

// The rank of each value, from 1; equal values share the mean of theirs.
struct Ranks {
  std::vector<double> ranks;
  double tie_term = 0;  // The sum of t^3 - t over groups of t equal values; 0 where all differ.
};

Ranks RankValues(absl::Span<const double> values);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_RANKS_H_
