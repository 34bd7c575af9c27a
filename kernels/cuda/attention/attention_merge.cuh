#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_MERGE_CUH_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_MERGE_CUH_

#include "kernels/cuda/attention/attention_fragments.cuh"
#include "kernels/cuda/attention/attention_range.cuh"

namespace metronome::kernels::cuda {

// Results over different positions of the same rows: sums of weighted values, relative to the largest score of each.

// What a sum relative to `largest` counts relative to `overall`. Without any score both are -infinity.
__device__ __forceinline__ float WeightOf(float largest, float overall) {
  return largest == overall ? 1.0f : exp2f(largest - overall);
}

// y[packed row][slice's column].
template <typename Tiles>
__device__ __forceinline__ typename Tiles::Type* OutputOf(const AttentionWork& work, const BlockRange& range, int row,
                                                          int column) {
  const int packed = range.first_row + row;
  const int64_t head = range.kv_head * work.group + packed % work.group;
  return static_cast<typename Tiles::Type*>(work.args.y) +
         (packed / work.group * work.args.heads + head) * work.args.value_size + range.slice * Tiles::kValues + column;
}

template <typename Tiles>
__device__ __forceinline__ float* PartialOf(const AttentionWork& work, const BlockRange& range, int split) {
  return work.partials + (static_cast<int64_t>(range.unit) * work.splits + split) * Tiles::kPartialFloats;
}

// Leaves the result of each warp in shared memory: sums [kKeyWarps, kRows, kMixStride], then the rows' largest scores
// and sums of weights, [kKeyWarps, kRows] each.
template <typename Tiles>
__device__ __forceinline__ void ShareResult(float* shared, int row_warp, int key_warp, OnlineSoftmax softmax,
                                            const float (&mix)[Tiles::kValues / 8][4]) {
  float* const largest = shared + Tiles::kKeyWarps * Tiles::kRows * Tiles::kMixStride;
  float* const sum = largest + Tiles::kKeyWarps * Tiles::kRows;
  const QuadLane lane;
  METRONOME_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = key_warp * Tiles::kRows + row_warp * Tiles::kWarpRows + half * 8 + lane.group;
    const float row_sum = WarpReduce<4>(softmax.sum[half], Sum());
    if (lane.column == 0) {
      largest[row] = softmax.largest[half];
      sum[row] = row_sum;
    }
    METRONOME_UNROLL
    for (int tile = 0; tile < Tiles::kValues / 8; ++tile)
      Store(shared + row * Tiles::kMixStride + tile * 8 + lane.column,
            Pack<float, 2>{mix[tile][2 * half], mix[tile][2 * half + 1]});
  }
}

// Merges the warps that share rows; the result is y's, or where other blocks have more of it, this block's partial one.
template <typename Tiles>
__device__ __forceinline__ void MergeWarps(const AttentionWork& work, const BlockRange& range, const float* shared) {
  const float* const largest = shared + Tiles::kKeyWarps * Tiles::kRows * Tiles::kMixStride;
  const float* const sum = largest + Tiles::kKeyWarps * Tiles::kRows;
  float* const partial = PartialOf<Tiles>(work, range, range.split);
  for (int at = static_cast<int>(threadIdx.x); at < range.rows * Tiles::kValues; at += Tiles::kThreads) {
    const int row = at / Tiles::kValues, column = at % Tiles::kValues;
    float row_largest = -INFINITY, row_sum = 0, value = 0;
    METRONOME_UNROLL
    for (int warp = 0; warp < Tiles::kKeyWarps; ++warp)
      row_largest = fmaxf(row_largest, largest[warp * Tiles::kRows + row]);
    METRONOME_UNROLL
    for (int warp = 0; warp < Tiles::kKeyWarps; ++warp) {
      const int result = warp * Tiles::kRows + row;
      const float weight = WeightOf(largest[result], row_largest);
      row_sum += weight * sum[result];
      value += weight * shared[result * Tiles::kMixStride + column];
    }
    if (range.active_splits == 1) {
      if (column < range.columns)
        *OutputOf<Tiles>(work, range, row, column) = FromFloat<typename Tiles::Type>(value / row_sum);
      continue;
    }
    partial[at] = value;
    if (column == 0) {
      partial[Tiles::kRows * Tiles::kValues + row] = row_largest;
      partial[Tiles::kRows * (Tiles::kValues + 1) + row] = row_sum;
    }
  }
}

// Merges the partial results of a unit, in the order of its positions, in the block that finds it is the last.
template <typename Tiles>
__device__ __forceinline__ void MergeSplits(const AttentionWork& work, const BlockRange& range, float* shared) {
  __threadfence();  // Each thread's part is out,
  // of every thread, before the arrival counts. An emulation that runs block after block does not miss this one.
  __syncthreads();
  const bool last =
      threadIdx.x == 0 && atomicAdd(work.arrived + range.unit, 1u) == static_cast<unsigned>(range.active_splits) - 1;
  if (!__syncthreads_or(last)) return;
  __threadfence();
  if (threadIdx.x == 0) work.arrived[range.unit] = 0;

  // A warp for each row: a weight for each split, divided by the sum of all weights.
  constexpr int kWarps = Tiles::kThreads / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const float* const partials = PartialOf<Tiles>(work, range, 0);
  for (int row = static_cast<int>(threadIdx.x) / kWarpLanes; row < range.rows; row += kWarps) {
    const float* const largest = partials + Tiles::kRows * Tiles::kValues + row;
    const float* const sum = largest + Tiles::kRows;
    float overall = -INFINITY, total = 0;
    for (int split = lane; split < range.active_splits; split += kWarpLanes)
      overall = fmaxf(overall, largest[split * Tiles::kPartialFloats]);
    overall = WarpReduce(overall, Max());
    for (int split = lane; split < range.active_splits; split += kWarpLanes)
      total += WeightOf(largest[split * Tiles::kPartialFloats], overall) * sum[split * Tiles::kPartialFloats];
    total = WarpReduce(total, Sum());
    for (int split = lane; split < range.active_splits; split += kWarpLanes)
      shared[row * kMaxAttentionSplits + split] = WeightOf(largest[split * Tiles::kPartialFloats], overall) / total;
  }
  __syncthreads();

  constexpr int kWidth = 4;
  for (int at = static_cast<int>(threadIdx.x) * kWidth; at < range.rows * Tiles::kValues;
       at += Tiles::kThreads * kWidth) {
    const int row = at / Tiles::kValues, column = at % Tiles::kValues;
    Pack<float, kWidth> value = {};
    for (int split = 0; split < range.active_splits; ++split) {
      const Pack<float, kWidth> part = Load<float, kWidth>(partials + split * Tiles::kPartialFloats + at);
      METRONOME_UNROLL
      for (int i = 0; i < kWidth; ++i) value[i] += shared[row * kMaxAttentionSplits + split] * part[i];
    }
    METRONOME_UNROLL
    for (int i = 0; i < kWidth; ++i) {
      if (column + i < range.columns)
        *OutputOf<Tiles>(work, range, row, column + i) = FromFloat<typename Tiles::Type>(value[i]);
    }
  }
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_MERGE_CUH_
