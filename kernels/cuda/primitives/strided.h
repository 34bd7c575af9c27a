#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_H_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_H_

#include <cstdint>

namespace metronome::kernels::cuda {

inline constexpr int kMaxAxes = 6;

// How a kernel that visits each element of an output finds the elements of kInputs operands of other shapes: input i's
// element for output index (j0, j1, ...) is at the sum of jk * strides[i][k]. Axes are outermost first; rank >= 1.
template <int kInputs>
struct StridedWalk {
  int rank = 1;
  int64_t elements = 0;
  int64_t sizes[kMaxAxes] = {};
  int64_t strides[kInputs][kMaxAxes] = {};  // In elements; 0 along broadcast axes.
};

// Merges axes that all operands walk as one and drops those of size 1, so that the innermost axis is as long as it can
// be. `walk` has its sizes and strides, any rank from 0.
template <int kInputs>
StridedWalk<kInputs> Collapse(const StridedWalk<kInputs>& walk) {
  StridedWalk<kInputs> result;
  result.elements = 1;
  int rank = 0;
  for (int axis = 0; axis < walk.rank; ++axis) {
    result.elements *= walk.sizes[axis];
    if (walk.sizes[axis] == 1) continue;
    bool merges = rank > 0;
    for (int i = 0; i < kInputs && merges; ++i)
      merges = result.strides[i][rank - 1] == walk.strides[i][axis] * walk.sizes[axis];
    if (!merges) ++rank;
    result.sizes[rank - 1] = merges ? result.sizes[rank - 1] * walk.sizes[axis] : walk.sizes[axis];
    for (int i = 0; i < kInputs; ++i) result.strides[i][rank - 1] = walk.strides[i][axis];
  }
  if (rank == 0) {
    result.sizes[0] = 1;
    rank = 1;
  }
  result.rank = rank;
  return result;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_H_
