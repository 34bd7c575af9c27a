#include "kernels/cuda/products/experts.cuh"
#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/products/gemv_block.cuh"

namespace metronome::kernels::cuda {
namespace {

// Blocks (x, y) compute tile x % tiles of the columns, over share y of k, for the rows that x / tiles stands for.
// `sharers` warps of a block share kRows rows of weights.
template <int N, int M, int kRows, int kPacks, typename T>
__global__ void METRONOME_BLOCK_THREADS(kGemvThreads)
    GemvKernel(const __grid_constant__ LinearArgs args, const __grid_constant__ ExpertRows rows, int tiles, int sharers,
               int packs_of_split, SplitSpace space, IndexFault* fault) {
  const bool gated = args.up != nullptr;
  const int thread = static_cast<int>(threadIdx.x), groups = kGemvWarps / sharers, columns = gated ? kRows / 2 : kRows,
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
  float sums[M * kRows] = {};
  if (const WarpWeights<kRows, T> weights(args, tile, sharers, expert_at); weights.first < part.n) {
    const WarpTurns turns = TurnsOfWarp<N, kRows, kPacks>(args, sharers, packs_of_split);
    AddDots<N, M, kRows, kPacks>(weights.w, static_cast<const T*>(args.x), x_at, turns.begin, turns.end, turns.step,
                                 sums);
  }
  float total = SumOfBlock<M, kRows>(sums, sharers);
  if (gridDim.y > 1 && !SumSplits<kGemvThreads>(space, blockIdx.x, static_cast<int>(blockIdx.y),
                                                static_cast<int>(gridDim.y), groups * M * kRows, OneSum{&total}))
    return;
  const float up = __shfl_down_sync(kAllLanes, total, 1);
  const ThreadSum<M, kRows> own;
  const int64_t column = tile.first + own.group * columns + (gated ? own.r / 2 : own.r);
  if (own.group >= groups || own.m >= live || column >= part.n || (gated && own.r % 2 != 0)) return;
  WriteOutput<T>(args, part, targets[own.m], column, total, up);
}

template <int N, int M, int kRows, int kPacks, typename T>
void LaunchShaped(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows) {
  const int64_t readings = rows.index != nullptr ? rows.slots : (args.m + M - 1) / M;
  const GemvShape shape = ChooseGemvShape<N, M, kRows, kPacks>(context, args, readings);
  Launch(context, GemvKernel<N, M, kRows, kPacks, T>,
         {.grid = dim3(static_cast<unsigned>(shape.tiles * readings), static_cast<unsigned>(shape.splits)),
          .block = dim3(kGemvThreads)},
         args, rows, static_cast<int>(shape.tiles), shape.sharers, shape.packs_of_split, shape.space, context.fault);
}

template <int M, typename T>
void LaunchSharing(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows) {
  bool vectors = RowsAreVectors<T>(args.k, static_cast<const T*>(args.x), static_cast<const T*>(args.up));
  for (int part = 0; part < args.parts; ++part) vectors = vectors && IsAligned(args.part[part].w, kVectorBytes);
  if (!vectors) return LaunchShaped<1, M, 2, kUsualPacks<M>, T>(context, args, rows);
  // x comes from the first-level cache, M / kRows bytes for each byte of the weights: with 8 rows of x, 2 rows of
  // weights would ask it for all of its 128 bytes a cycle.
  const int64_t tuned = args.tuning.rows;
  WithPacks<M>(args.tuning.packs, [&](auto packs) {
    if (tuned == 4 || (tuned != 2 && M > 2)) {
      LaunchShaped<kVectorWidth<T>, M, 4, decltype(packs)::value, T>(context, args, rows);
    } else {
      LaunchShaped<kVectorWidth<T>, M, 2, decltype(packs)::value, T>(context, args, rows);
    }
  });
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

}  // namespace metronome::kernels::cuda
