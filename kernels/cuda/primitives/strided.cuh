#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_CUH_

#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/primitives/strided.h"

namespace metronome::kernels::cuda {

// Where the inputs' elements for output element `element` are. Index is unsigned: 32 bits divide several times faster.
template <typename Index, int kInputs>
__device__ __forceinline__ void FindOperands(const StridedWalk<kInputs>& walk, int64_t element,
                                             int64_t (&offsets)[kInputs]) {
  METRONOME_UNROLL
  for (int i = 0; i < kInputs; ++i) offsets[i] = 0;
  auto rest = static_cast<Index>(element);
  METRONOME_UNROLL
  for (int axis = kMaxAxes - 1; axis > 0; --axis) {
    if (axis >= walk.rank) continue;
    const auto size = static_cast<Index>(walk.sizes[axis]);
    const Index quotient = rest / size;
    const auto at = static_cast<int64_t>(rest - quotient * size);
    rest = quotient;
    METRONOME_UNROLL
    for (int i = 0; i < kInputs; ++i) offsets[i] += at * walk.strides[i][axis];
  }
  METRONOME_UNROLL
  for (int i = 0; i < kInputs; ++i) offsets[i] += static_cast<int64_t>(rest) * walk.strides[i][0];
}

// N elements along the innermost axis, whose stride is 0 or 1 where N > 1.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> LoadStrided(const T* from, int64_t stride) {
  if (N == 1 || stride == 1) return Load<T, N>(from);
  Pack<T, N> pack;
  const T value = *from;
  METRONOME_UNROLL
  for (int i = 0; i < N; ++i) pack[i] = value;
  return pack;
}

// Host: whether N elements of the output and of input `i` can be moved at a time.
template <int kInputs>
bool WalksInPacks(const StridedWalk<kInputs>& walk, int input, const void* data, int64_t element_bytes, int64_t n) {
  const int inner = walk.rank - 1;
  const int64_t* const strides = walk.strides[input];
  if (walk.rank > 1 && walk.sizes[inner] % n != 0) return false;
  if (strides[inner] == 0) return true;
  if (strides[inner] != 1) return false;
  for (int axis = 0; axis < inner; ++axis) {
    if (strides[axis] % n != 0) return false;
  }
  const int64_t bytes = element_bytes * n;
  return IsAligned(data, bytes < kVectorBytes ? bytes : kVectorBytes);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_STRIDED_CUH_
