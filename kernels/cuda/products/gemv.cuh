#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_CUH_

#include <type_traits>

#include "kernels/cuda/primitives/device.cuh"
#include "kernels/cuda/primitives/pack.cuh"

namespace metronome::kernels::cuda {

// What a lane asks for before it uses any of it: 8 accesses of 16 bytes, so that a warp has 4 KiB under way. Memory of
// 4.8 TB/s with 800 ns until the data comes needs 29 KiB under way on each of 132 multiprocessors; 16 warps have 64.
// With more rows of x the sums take the registers: 4 accesses, 32 KiB by 16 warps.
template <int M>
inline constexpr int kUsualPacks = M > 2 ? 4 : 8;

// launch(kPacks) as an integral constant: what `tuned` says, 4 or 8, where the sums leave room for it; else
// kUsualPacks.
template <int M, typename Function>
void WithPacks(int64_t tuned, Function&& launch) {
  if constexpr (kUsualPacks<M> != 4) {
    if (tuned == 4) return launch(std::integral_constant<int, 4>());
  }
  launch(std::integral_constant<int, kUsualPacks<M>>());
}

// Packs of a row that a warp takes at a time, reading kRows rows side by side with kPacks of each lane under way.
template <int kRows, int kPacks>
inline constexpr int kWarpPacks = kPacks / kRows* kWarpLanes;

// Adds the products of M rows of x, which begin at x[x_at[m]], with kRows rows of weights, over the packs
// [begin, end) of N elements that this warp takes: kWarpPacks of each `step`. This lane's share of row m times weight
// row r goes to sums[m * kRows + r].
template <int N, int M, int kRows, int kPacks, typename T>
__device__ __forceinline__ void AddDots(const T* const (&w)[kRows], const T* x, const int32_t (&x_at)[M], int64_t begin,
                                        int64_t end, int step, float (&sums)[M * kRows]) {
  constexpr int kUnrolled = kPacks / kRows;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  for (int base = begin + lane; base < end; base += step) {
    Pack<T, N> weights[kUnrolled][kRows];
    METRONOME_UNROLL
    for (int u = 0; u < kUnrolled; ++u) {
      const int at = base + u * kWarpLanes;
      METRONOME_UNROLL
      for (int r = 0; r < kRows; ++r) {
        if (at < end) weights[u][r] = LoadOnce<T, N>(w[r] + at * N);
      }
    }
    METRONOME_UNROLL
    for (int u = 0; u < kUnrolled; ++u) {
      const int at = base + u * kWarpLanes;
      if (at >= end) break;
      METRONOME_UNROLL
      for (int m = 0; m < M; ++m) {
        const Pack<T, N> row = Load<T, N>(x + (x_at[m] + at * N));
        METRONOME_UNROLL
        for (int i = 0; i < N; ++i) {
          METRONOME_UNROLL
          for (int r = 0; r < kRows; ++r) sums[m * kRows + r] += ToFloat(row[i]) * ToFloat(weights[u][r][i]);
        }
      }
    }
  }
}

// Sums each of kValues values (a power of two, at most 32) over the lanes of a warp. Lane l has the total of value
// l / (32 / kValues): lanes that are far apart split the values among them until each has one, so that kValues cost
// about kValues exchanges and not five each. The order of the additions does not depend on kValues.
template <int kValues, int kOffset = kWarpLanes / 2>
__device__ __forceinline__ float ScatterSums(float (&values)[kValues]) {
  if constexpr (kOffset == 0) {
    return values[0];
  } else if constexpr (kValues == 1) {
    values[0] += __shfl_xor_sync(kAllLanes, values[0], kOffset);
    return ScatterSums<1, kOffset / 2>(values);
  } else {
    constexpr int kHalf = kValues / 2;
    const bool upper = (threadIdx.x & kOffset) != 0;
    float kept[kHalf];
    METRONOME_UNROLL
    for (int i = 0; i < kHalf; ++i) {
      const float given = upper ? values[i] : values[i + kHalf];
      kept[i] = (upper ? values[i + kHalf] : values[i]) + __shfl_xor_sync(kAllLanes, given, kOffset);
    }
    return ScatterSums<kHalf, kOffset / 2>(kept);
  }
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_CUH_
