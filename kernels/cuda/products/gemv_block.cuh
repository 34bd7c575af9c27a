#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_BLOCK_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_BLOCK_CUH_

#include "kernels/cuda/products/gemm_split.cuh"
#include "kernels/cuda/products/gemv.cuh"
#include "kernels/cuda/products/linear_output.cuh"

namespace metronome::kernels::cuda {

inline constexpr int kGemvThreads = 256;
inline constexpr int kGemvWarps = kGemvThreads / kWarpLanes;

// How a GEMV is dealt over the device. `sharers` warps of a block share rows of weights, in turns along k; `splits`
// blocks share a tile.
struct GemvShape {
  int64_t tiles = 0;  // Of columns, for each reading of the weights.
  int sharers = 1;
  int splits = 1;
  int packs_of_split = 0;
  SplitSpace space;
};

// For products of M rows of x with kRows rows of weights in each warp; the weights are read `readings` times.
template <int N, int M, int kRows, int kPacks>
GemvShape ChooseGemvShape(const DeviceContext& context, const LinearArgs& args, int64_t readings) {
  const int64_t rows_of_column = args.up != nullptr ? 2 : 1, packs = args.k / N;
  const auto tiles_with = [&](int64_t sharers) {
    return ColumnTiles(args, kGemvWarps / sharers * kRows / rows_of_column) * readings;
  };
  // Two blocks for each multiprocessor, which then reads 64 KiB ahead and has a second block to go on with at the
  // barrier: by more warps to a row first, while each still has a whole turn to take. 4096 rows of 4096 bfloat16 are
  // 256 blocks, 97% of the turns of 132 multiprocessors.
  const int64_t wanted = args.tuning.blocks;
  const int64_t enough = (wanted >= 1 && wanted <= 8 ? wanted : 2) * context.multiprocessors;
  int64_t sharers = 1;
  while (sharers < kGemvWarps && tiles_with(sharers) < enough && packs >= 2 * sharers * kWarpPacks<kRows, kPacks>)
    sharers *= 2;
  const int64_t tuned = args.tuning.warps;
  if (tuned == 1 || tuned == 2 || tuned == 4 || tuned == 8) sharers = tuned;
  const int64_t tiles = tiles_with(sharers);
  if (tiles == 0) return {};

  // Then by more blocks, while each has two turns: the meeting costs about as much as one.
  int64_t splits = enough / tiles;
  const int64_t worthwhile = packs / (2 * sharers * kWarpPacks<kRows, kPacks>);
  if (splits > worthwhile) splits = worthwhile;
  if (args.tuning.splits > 0) splits = args.tuning.splits;
  constexpr int64_t kMaxSplits = 16;
  GemvShape shape;
  shape.tiles = tiles / readings;
  shape.sharers = static_cast<int>(sharers);
  shape.splits = FitSplits(context, tiles, kGemvWarps / sharers * M * kRows, splits < kMaxSplits ? splits : kMaxSplits,
                           shape.space);
  shape.packs_of_split = static_cast<int>((packs + shape.splits - 1) / shape.splits);
  return shape;
}

// The packs of a row that a warp multiplies: some of each `step` from `begin` on, before `end`.
struct WarpTurns {
  int begin, end, step;
};
template <int N, int kRows, int kPacks>
__device__ __forceinline__ WarpTurns TurnsOfWarp(const LinearArgs& args, int sharers, int packs_of_split) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes, all = static_cast<int>(args.k / N),
            first = static_cast<int>(blockIdx.y) * packs_of_split, end = first + packs_of_split;
  return {.begin = first + warp % sharers * kWarpPacks<kRows, kPacks>,
          .end = end < all ? end : all,
          .step = sharers * kWarpPacks<kRows, kPacks>};
}

// The kRows rows of weights that a warp reads, from column `first` of y on. Of a gated product these are kRows / 2 of
// each weight, in turns.
template <int kRows, typename T>
struct WarpWeights {
  const T* w[kRows];
  int64_t first;

  __device__ __forceinline__ WarpWeights(const LinearArgs& args, const PartColumns& tile, int sharers,
                                         int64_t expert_at) {
    const bool gated = args.up != nullptr;
    const LinearPart& part = args.part[tile.part];
    first = tile.first + static_cast<int>(threadIdx.x) / kWarpLanes / sharers * (gated ? kRows / 2 : kRows);
    METRONOME_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const int64_t wanted = first + (gated ? r / 2 : r), column = wanted < part.n ? wanted : part.n - 1;
      w[r] = static_cast<const T*>(gated && r % 2 != 0 ? args.up : part.w) + expert_at + column * args.k;
    }
  }
};

// The only sum of a thread, as SumSplits wants it.
struct OneSum {
  float* sum;
  __device__ __forceinline__ float& operator()(int) const { return *sum; }
};

// Which of a block's sums a thread goes on with: group `group` of warps has M * kRows of them.
template <int M, int kRows>
struct ThreadSum {
  int group, m, r;
  __device__ __forceinline__ ThreadSum() {
    const int thread = static_cast<int>(threadIdx.x), of_group = thread % (M * kRows);
    group = thread / (M * kRows);
    m = of_group / kRows;
    r = of_group % kRows;
  }
};

// Gives each thread its sum over the lanes and warps that share it. All threads take part; the block meets once.
template <int M, int kRows>
__device__ __forceinline__ float SumOfBlock(float (&sums)[M * kRows], int sharers) {
  constexpr int kSums = M * kRows, kLanesOfSum = kWarpLanes / kSums;
  METRONOME_SHARED(float, partials, kGemvWarps* kSums);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpLanes, lane = thread % kWarpLanes;
  const float sum = ScatterSums(sums);
  if (lane % kLanesOfSum == 0) partials[warp * kSums + lane / kLanesOfSum] = sum;
  __syncthreads();
  const int group = thread / kSums, of_group = thread % kSums;
  float total = 0;
  if (group < kGemvWarps / sharers) {
    for (int i = 0; i < sharers; ++i) total += partials[(group * sharers + i) * kSums + of_group];
  }
  return total;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_BLOCK_CUH_
