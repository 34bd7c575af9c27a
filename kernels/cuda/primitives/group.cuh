#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_GROUP_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_GROUP_CUH_

#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {

struct Sum {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};
// The larger; NaN only where both are.
struct Max {
  __device__ __forceinline__ float operator()(float a, float b) const { return fmaxf(a, b); }
};
// The larger; NaN where either is, as in NumPy.
struct MaxOrNan {
  __device__ __forceinline__ float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};

// Folds the values of kWidth neighbouring lanes; each gets the result. All lanes of the warp take part.
template <int kWidth = kWarpLanes, typename T, typename Fold>
__device__ __forceinline__ T WarpReduce(T value, Fold fold) {
  METRONOME_UNROLL
  for (int offset = kWidth / 2; offset > 0; offset /= 2) value = fold(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// Folds the values of a block of whole warps; each thread gets the result. `identity` changes no value. All threads
// take part.
template <int kThreads, typename T, typename Fold>
__device__ __forceinline__ T BlockReduce(T value, Fold fold, T identity) {
  constexpr int kWarps = kThreads / kWarpLanes;
  static_assert(kThreads % kWarpLanes == 0 && kWarps <= kWarpLanes);
  METRONOME_SHARED(T, partials, kWarps);
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes, warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  value = WarpReduce(value, fold);
  __syncthreads();  // The partials of the last reduction were read.
  if (lane == 0) partials[warp] = value;
  __syncthreads();
  return WarpReduce(lane < kWarps ? partials[lane] : identity, fold);
}

// The threads that share a row. A block has kRows of them; all of its threads call Reduce alike, also those whose row
// is past the end.
template <int kWidth>
struct Lanes {
  static constexpr int kBlockThreads = 256;
  static constexpr int kSize = kWidth;
  static constexpr int kRows = kBlockThreads / kWidth;
  static __device__ __forceinline__ int Row() { return static_cast<int>(threadIdx.x) / kWidth; }
  static __device__ __forceinline__ int Rank() { return static_cast<int>(threadIdx.x) % kWidth; }
  template <typename T, typename Fold>
  static __device__ __forceinline__ T Reduce(T value, Fold fold, T) {
    return WarpReduce<kWidth>(value, fold);
  }
};

struct WholeBlock {
  static constexpr int kBlockThreads = 512;
  static constexpr int kSize = kBlockThreads;
  static constexpr int kRows = 1;
  static __device__ __forceinline__ int Row() { return 0; }
  static __device__ __forceinline__ int Rank() { return static_cast<int>(threadIdx.x); }
  template <typename T, typename Fold>
  static __device__ __forceinline__ T Reduce(T value, Fold fold, T identity) {
    return BlockReduce<kBlockThreads>(value, fold, identity);
  }
};

// Calls function(Tag<group>) with the smallest group that has at most kPerThread of a row's units for each thread.
template <typename Function>
void WithGroup(int64_t units, Function&& function) {
  constexpr int64_t kPerThread = 4;
  if (units <= 8 * kPerThread) return function(Tag<Lanes<8>>());
  if (units <= 32 * kPerThread) return function(Tag<Lanes<32>>());
  return function(Tag<WholeBlock>());
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_GROUP_CUH_
