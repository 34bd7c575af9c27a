#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_PERMUTATION_TEST_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_PERMUTATION_TEST_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

struct PermutationOptions {
  int permutations = 10000;  // [100, 10000000]. All there are, where they are no more than this.
  uint64_t seed = 1;
};

// The share of ways to deal the values of both samples into two of their sizes whose means differ at least as much as
// those given: a two-sided p-value that assumes nothing but that the values could have come in any order.
// InvalidArgument for an empty sample, a value that is not finite, an option out of range.
absl::StatusOr<double> PermutationPValue(absl::Span<const double> a, absl::Span<const double> b,
                                         const PermutationOptions& options = {});

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_PERMUTATION_TEST_H_
