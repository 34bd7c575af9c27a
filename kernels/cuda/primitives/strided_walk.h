#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_WALK_H_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_WALK_H_

#include <algorithm>

#include "absl/types/span.h"
#include "kernels/cuda/primitives/strided.h"
#include "kernels/interface/tensor_view.h"

namespace metronome::kernels::cuda {

static_assert(kMaxAxes == kMaxRank);

// The walk over operands that broadcast to the output.
template <int kInputs>
StridedWalk<kInputs> BroadcastWalk(absl::Span<const TensorView> inputs, const Shape& output) {
  StridedWalk<kInputs> walk;
  walk.rank = output.rank();
  std::copy(output.dims().begin(), output.dims().end(), walk.sizes);
  for (int i = 0; i < kInputs; ++i) {
    const Shape& shape = inputs[i].shape;
    int64_t stride = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      walk.strides[i][axis + output.rank() - shape.rank()] = shape[axis] == 1 ? 0 : stride;
      stride *= shape[axis];
    }
  }
  return Collapse(walk);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_WALK_H_
