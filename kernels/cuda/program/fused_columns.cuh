#ifndef METRONOME_KERNELS_CUDA_PROGRAM_FUSED_COLUMNS_CUH_
#define METRONOME_KERNELS_CUDA_PROGRAM_FUSED_COLUMNS_CUH_

#include "kernels/cuda/primitives/arithmetic.cuh"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/program/fused.h"

// What generated kernels include; fused_source.h writes them.
namespace metronome::kernels::cuda {

// N neighbouring elements: as vectors where they are aligned.
template <int N, bool kPacks, typename T>
__device__ __forceinline__ Pack<T, N> LoadColumns(const T* from) {
  if constexpr (kPacks) {
    return Load<T, N>(from);
  } else {
    Pack<T, N> pack;
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) pack[i] = from[i];
    return pack;
  }
}

template <int N, bool kPacks, typename T>
__device__ __forceinline__ void StoreColumns(T* to, const Pack<T, N>& pack) {
  if constexpr (kPacks) {
    Store<T, N>(to, pack);
  } else {
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) to[i] = pack[i];
  }
}

__device__ __forceinline__ float FloatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_FUSED_COLUMNS_CUH_
