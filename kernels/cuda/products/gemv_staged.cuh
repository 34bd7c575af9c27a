#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_STAGED_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_STAGED_CUH_

#include <type_traits>

#include "kernels/cuda/products/gemv_block.cuh"
#include "kernels/cuda/products/gemv_stage.cuh"

namespace metronome::kernels::cuda {

// Blocks (x, y) compute tiles x, x + gridDim.x, ... of the columns, over share y of k, for all rows of x, which each of
// them stages once. With more than one share, a block has one tile. Every thread calls
//   output(args, tile, columns of a tile, row, column, mine, sum, up)
// with its sum for that element of y where it is `mine`.
template <int N, int M, int kRows, int kPacks, typename T, typename Output>
__global__ void METRONOME_BLOCK_THREADS(kGemvThreads)
    StagedGemvKernel(const __grid_constant__ LinearArgs args, int tiles, int sharers, int packs_of_split,
                     SplitSpace space, const __grid_constant__ Output output) {
  METRONOME_DYNAMIC_SHARED(T, x);
  const bool gated = args.up != nullptr;
  const int columns = gated ? kRows / 2 : kRows, groups = kGemvWarps / sharers;
  const WarpTurns turns = TurnsOfWarp<N, kRows, kPacks>(args, sharers, packs_of_split);
  int32_t x_at[M];
  METRONOME_UNROLL
  for (int m = 0; m < M; ++m) x_at[m] = m * static_cast<int32_t>(args.k);
  for (int index = static_cast<int>(blockIdx.x); index < tiles; index += static_cast<int>(gridDim.x)) {
    const PartColumns tile = FindColumns(args, index, groups * columns);
    const LinearPart& part = args.part[tile.part];
    const WarpWeights<kRows, T> weights(args, tile, sharers, 0);
    if (index == static_cast<int>(blockIdx.x)) {
      if (weights.first < part.n) PrefetchTurn<N, kRows, kPacks>(weights.w, turns);
      StageRows<N, M>(args, x);
    } else {
      __syncthreads();  // The sums of the last tile were read.
    }
    float sums[M * kRows] = {};
    if (weights.first < part.n)
      AddDots<N, M, kRows, kPacks>(weights.w, x, x_at, turns.begin, turns.end, turns.step, sums);
    float total = SumOfBlock<M, kRows>(sums, sharers);
    if (gridDim.y > 1 && !SumSplits<kGemvThreads>(space, index, static_cast<int>(blockIdx.y),
                                                  static_cast<int>(gridDim.y), groups * M * kRows, OneSum{&total}))
      return;
    const float up = __shfl_down_sync(kAllLanes, total, 1);
    const ThreadSum<M, kRows> own;
    const PartColumns done = FindColumns(args, Afresh(index), groups * columns);
    const int64_t column = done.first + own.group * columns + (gated ? own.r / 2 : own.r);
    const bool mine =
        own.group < groups && own.m < args.m && column < args.part[done.part].n && !(gated && own.r % 2 != 0);
    output(args, done, groups * columns, own.m, column, mine, total, up);
  }
}

template <int M, int kRows, int kPacks, typename T, typename Output>
void LaunchStagedShape(const DeviceContext& context, const LinearArgs& args, const Output& output) {
  constexpr int N = kVectorWidth<T>;
  const GemvShape shape = ChooseGemvShape<N, M, kRows, kPacks>(context, args, 1);
  // Blocks that stage more than once would only repeat it; 4 are as many as have room at a time, or twice that.
  const int64_t wanted = args.tuning.blocks;
  const int64_t most = (wanted >= 1 && wanted <= 8 ? wanted : 4) * context.multiprocessors,
                blocks = shape.splits > 1 || shape.tiles < most ? shape.tiles : most;
  Launch(context, StagedGemvKernel<N, M, kRows, kPacks, T, Output>,
         {.grid = dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(shape.splits)),
          .block = dim3(kGemvThreads),
          .shared_bytes = static_cast<size_t>(StagedBytes(args, M))},
         args, static_cast<int>(shape.tiles), shape.sharers, shape.packs_of_split, shape.space, output);
}

// A GEMV of args whose rows can be staged (GemvStages); Output<T> finishes its sums.
template <typename MakeOutput>
void LaunchStagedGemv(const DeviceContext& context, const LinearArgs& args, MakeOutput make_output) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const auto launch = [&](auto rows_of_x) {
      constexpr int M = decltype(rows_of_x)::value;
      const int64_t tuned = args.tuning.rows;
      WithPacks<M>(args.tuning.packs, [&](auto packs) {
        if (tuned == 4 || (tuned != 2 && M > 2)) {  // As LaunchGemv.
          LaunchStagedShape<M, 4, decltype(packs)::value, T>(context, args, make_output(tag));
        } else {
          LaunchStagedShape<M, 2, decltype(packs)::value, T>(context, args, make_output(tag));
        }
      });
    };
    if (args.m <= 1) return launch(std::integral_constant<int, 1>());
    if (args.m <= 2) return launch(std::integral_constant<int, 2>());
    if (args.m <= 4) return launch(std::integral_constant<int, 4>());
    launch(std::integral_constant<int, 8>());
  });
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_STAGED_CUH_
