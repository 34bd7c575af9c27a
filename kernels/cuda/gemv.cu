#include "kernels/cuda/experts.cuh"
#include "kernels/cuda/gemm_split.cuh"
#include "kernels/cuda/gemv.cuh"
#include "kernels/cuda/gemv.h"
#include "kernels/cuda/linear_output.cuh"

namespace metronome::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpLanes;

// The only sum of a thread, as SumSplits wants it.
struct OneSum {
  float* sum;
  __device__ __forceinline__ float& operator()(int) const { return *sum; }
};

// Blocks (x, y) compute tile x % tiles of the columns, over share y of k, for the rows that x / tiles stands for.
// `sharers` warps of a block share kRows rows of weights, in turns along k; of a gated product these are kRows / 2 of
// each weight.
template <int N, int M, int kRows, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    GemvKernel(const __grid_constant__ LinearArgs args, const __grid_constant__ ExpertRows rows, int tiles, int sharers,
               int packs_of_split, SplitSpace space, IndexFault* fault) {
  constexpr int kSums = M * kRows;
  const bool gated = args.up != nullptr;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpLanes, lane = thread % kWarpLanes;
  const int groups = kWarps / sharers, columns = gated ? kRows / 2 : kRows,
            reading = static_cast<int>(blockIdx.x) / tiles;

  METRONOME_SHARED(int32_t, targets, M);  // The rows of y.
  int64_t expert_at = 0;
  int32_t row[M];
  int live;
  if (rows.index == nullptr) {
    const int first = reading * M, left = static_cast<int>(args.m) - first;
    live = left < M ? left : M;
    METRONOME_UNROLL
    for (int i = 0; i < M; ++i) row[i] = first + i;
  } else {
    const int slot = reading;
    const int32_t expert = rows.index[slot];
    if (expert < 0 || expert >= rows.experts) {
      if (thread == 0) RaiseFault(fault, expert, slot, rows.experts);
      return;
    }
    live = FindSharers(rows, slot, expert, row);
    if (live == 0) return;
    expert_at = expert * rows.stride;
  }
  // Rows that are not there repeat the first: the same addresses, and nothing is written.
  int32_t x_at[M];
  METRONOME_UNROLL
  for (int i = 0; i < M; ++i) {
    if (i >= live) row[i] = row[0];
    if (thread == 0) targets[i] = row[i];
    x_at[i] = row[i] / static_cast<int32_t>(rows.repeat) * static_cast<int32_t>(args.k);
  }

  const PartColumns tile = FindColumns(args, static_cast<int>(blockIdx.x) % tiles, groups * columns);
  const LinearPart& part = args.part[tile.part];
  const int64_t first = tile.first + warp / sharers * columns;
  const T* w[kRows];
  METRONOME_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const int64_t wanted = first + (gated ? r / 2 : r), column = wanted < part.n ? wanted : part.n - 1;
    w[r] = static_cast<const T*>(gated && r % 2 != 0 ? args.up : part.w) + expert_at + column * args.k;
  }

  float sums[kSums] = {};
  if (first < part.n) {
    const int begin = static_cast<int>(blockIdx.y) * packs_of_split, all = static_cast<int>(args.k / N),
              end = begin + packs_of_split < all ? begin + packs_of_split : all;
    AddDots<N, M, kRows>(w, static_cast<const T*>(args.x), x_at, begin + warp % sharers * kWarpPacks<M, kRows>, end,
                         sharers * kWarpPacks<M, kRows>, sums);
  }

  METRONOME_SHARED(float, partials, kWarps* kSums);
  constexpr int kLanesOfSum = kWarpLanes / kSums;
  const float sum = ScatterSums(sums);
  if (lane % kLanesOfSum == 0) partials[warp * kSums + lane / kLanesOfSum] = sum;
  __syncthreads();

  // Each thread goes on with one of the block's sums.
  const int group = thread / kSums, of_group = thread % kSums, m = of_group / kRows, r = of_group % kRows;
  float total = 0;
  if (group < groups) {
    for (int i = 0; i < sharers; ++i) total += partials[(group * sharers + i) * kSums + of_group];
  }
  if (gridDim.y > 1 && !SumSplits<kThreads>(space, blockIdx.x, static_cast<int>(blockIdx.y),
                                            static_cast<int>(gridDim.y), groups * kSums, OneSum{&total}))
    return;
  const float up = __shfl_down_sync(kAllLanes, total, 1);
  const int64_t column = tile.first + group * columns + (gated ? r / 2 : r);
  if (group >= groups || m >= live || column >= part.n || (gated && r % 2 != 0)) return;
  WriteOutput<T>(args, part, targets[m], column, total, up);
}

template <int N, int M, int kRows, typename T>
void LaunchShaped(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows) {
  const int64_t rows_of_column = args.up != nullptr ? 2 : 1, packs = args.k / N,
                readings = rows.index != nullptr ? rows.slots : (args.m + M - 1) / M;
  const auto tiles_with = [&](int64_t sharers) {
    return ColumnTiles(args, kWarps / sharers * kRows / rows_of_column) * readings;
  };
  // Two blocks for each multiprocessor, which then reads 64 KiB ahead and has a second block to go on with at the
  // barrier: by more warps to a row first, while each still has a whole turn to take. 4096 rows of 4096 bfloat16 are
  // 256 blocks, 97% of the turns of 132 multiprocessors.
  const int64_t enough = int64_t{2} * context.multiprocessors;
  int64_t sharers = 1;
  while (sharers < kWarps && tiles_with(sharers) < enough && packs >= 2 * sharers * kWarpPacks<M, kRows>) sharers *= 2;
  const int64_t tuned = args.tuning.warps;
  if (tuned == 1 || tuned == 2 || tuned == 4 || tuned == 8) sharers = tuned;
  const int64_t tiles = tiles_with(sharers);
  if (tiles == 0) return;

  // Then by more blocks, while each has two turns: the meeting costs about as much as one.
  int64_t splits = enough / tiles;
  const int64_t worthwhile = packs / (2 * sharers * kWarpPacks<M, kRows>);
  if (splits > worthwhile) splits = worthwhile;
  if (args.tuning.splits > 0) splits = args.tuning.splits;
  constexpr int64_t kMaxSplits = 16;
  SplitSpace space;
  splits = FitSplits(context, tiles, kWarps / sharers * M * kRows, splits < kMaxSplits ? splits : kMaxSplits, space);
  const int64_t packs_of_split = (packs + splits - 1) / splits;
  Launch(context, GemvKernel<N, M, kRows, T>,
         {.grid = dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(splits)), .block = dim3(kThreads)}, args,
         rows, static_cast<int>(tiles / readings), static_cast<int>(sharers), static_cast<int>(packs_of_split), space,
         context.fault);
}

template <int M, typename T>
void LaunchSharing(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows) {
  bool vectors = RowsAreVectors<T>(args.k, static_cast<const T*>(args.x), static_cast<const T*>(args.up));
  for (int part = 0; part < args.parts; ++part) vectors = vectors && IsAligned(args.part[part].w, kVectorBytes);
  if (!vectors) return LaunchShaped<1, M, 2, T>(context, args, rows);
  // x comes from the first-level cache, M / kRows bytes for each byte of the weights: with 8 rows of x, 2 rows of
  // weights would ask it for all of its 128 bytes a cycle.
  const int64_t tuned = args.tuning.rows;
  if (tuned == 4 || (tuned != 2 && M > 2)) {
    LaunchShaped<kVectorWidth<T>, M, 4, T>(context, args, rows);
  } else {
    LaunchShaped<kVectorWidth<T>, M, 2, T>(context, args, rows);
  }
}

}  // namespace

void LaunchGemv(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows, int64_t sharing) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (sharing <= 1) return LaunchSharing<1, T>(context, args, rows);
    if (sharing <= 2) return LaunchSharing<2, T>(context, args, rows);
    if (sharing <= 4) return LaunchSharing<4, T>(context, args, rows);
    LaunchSharing<8, T>(context, args, rows);
  });
}

}  // namespace metronome::cuda
