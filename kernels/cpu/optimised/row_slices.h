#ifndef METRONOME_KERNELS_CPU_OPTIMISED_ROW_SLICES_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_ROW_SLICES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace metronome::kernels::cpu {

// Rows [begin, begin + count) of one of several matrices.
struct RowSlice {
  int64_t matrix, begin, count;
};

// The rows of one matrix and how many a member takes at a time.
struct RowsToSlice {
  int64_t rows = 0;
  int64_t most = 0, least = 0;  // most >= least > 0; the last slice of a matrix may be shorter.
};

// All rows of all matrices in order, for members that claim slice after slice: large ones, which memory is read fastest
// by, as long as much is left, then smaller ones, so that all members end together.
std::vector<RowSlice> SliceRows(absl::Span<const RowsToSlice> matrices, int members);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_ROW_SLICES_H_
