#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_STAGE_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_STAGE_CUH_

#include "kernels/cuda/products/gemv_block.cuh"
#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// Bytes of shared memory for M rows of x.
inline int64_t StagedBytes(const LinearArgs& args, int64_t rows) {
  return rows * args.k * (args.dtype == DType::kFloat32 ? 4 : 2);
}

// Asks for a warp's first turn of weights, so that they are on their way to the second-level cache while x is staged.
template <int N, int kRows, int kPacks, typename T>
__device__ __forceinline__ void PrefetchTurn([[maybe_unused]] const T* const (&w)[kRows],
                                             [[maybe_unused]] const WarpTurns& turns) {
#if defined(__CUDACC__)
  METRONOME_UNROLL
  for (int u = 0; u < kPacks / kRows; ++u) {
    const int at = turns.begin + static_cast<int>(threadIdx.x) % kWarpLanes + u * kWarpLanes;
    METRONOME_UNROLL
    for (int r = 0; r < kRows; ++r) {
      if (at < turns.end) asm volatile("prefetch.global.L2 [%0];" ::"l"(w[r] + at * N));
    }
  }
#endif
}

// Brings the args.m <= M rows of x into `staged` [M, k], normalised if args.norm says so; rows that are not there are
// zeros. All threads of the block take part; a barrier ends it.
template <int N, int M, typename T>
__device__ __forceinline__ void StageRows(const LinearArgs& args, T* staged) {
  const int thread = static_cast<int>(threadIdx.x), rows = static_cast<int>(args.m), k = static_cast<int>(args.k),
            packs = k / N;
  // A thread's first pack of the norm's weights comes while x does; further ones wait for the sums.
  const auto* const weight = static_cast<const T*>(args.norm.weight);
  Pack<T, N> first_weights = {};
  if (weight != nullptr && thread < packs) first_weights = Load<T, N>(weight + thread * N);
  float squares[M] = {};
  METRONOME_UNROLL
  for (int m = 0; m < M; ++m) {
    for (int pack = thread; pack < packs; pack += kGemvThreads) {
      Pack<T, N> values = {};
      if (m < rows) values = Load<T, N>(static_cast<const T*>(args.x) + m * k + pack * N);
      Store<T, N>(staged + m * k + pack * N, values);
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) squares[m] += ToFloat(values[i]) * ToFloat(values[i]);
    }
  }
  if (weight == nullptr) {
    __syncthreads();
    return;
  }

  METRONOME_SHARED(float, partials, kGemvWarps* M);
  const int lane = thread % kWarpLanes, warp = thread / kWarpLanes;
  constexpr int kLanesOfSum = kWarpLanes / M;
  const float partial = ScatterSums(squares);
  if (lane % kLanesOfSum == 0) partials[warp * M + lane / kLanesOfSum] = partial;
  __syncthreads();
  METRONOME_UNROLL
  for (int m = 0; m < M; ++m) {
    if (m >= rows) continue;
    float sum = 0;
    for (int other = 0; other < kGemvWarps; ++other) sum += partials[other * M + m];
    const float scale = 1.0f / sqrtf(sum / static_cast<float>(k) + args.norm.epsilon);
    // Each thread its own packs: what it wrote before it reads without a barrier.
    for (int pack = thread; pack < packs; pack += kGemvThreads) {
      Pack<T, N> values = Load<T, N>(staged + m * k + pack * N);
      const Pack<T, N> weights = pack == thread ? first_weights : Load<T, N>(weight + pack * N);
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) {
        const float normalised = ToFloat(values[i]) * scale;
        values[i] = FromFloat<T>((args.norm.round_before_weight ? Round<T>(normalised) : normalised) *
                                 (args.norm.weight_offset + ToFloat(weights[i])));
      }
      Store<T, N>(staged + m * k + pack * N, values);
    }
  }
  __syncthreads();
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_STAGE_CUH_
