#include "kernels/cuda/gemm.h"
#include "kernels/cuda/gemm_simt.cuh"
#include "kernels/cuda/gemm_split.cuh"
#include "kernels/cuda/gemm_tensor.cuh"
#include "kernels/cuda/linear_output.cuh"

namespace metronome::cuda {
namespace {

// Tiles of rows are neighbours in the grid: they run together, so that weights come from memory once.
template <typename Tile>
__global__ void METRONOME_BLOCK_THREADS(Tile::kThreads)
    GemmKernel(const __grid_constant__ LinearArgs args, const __grid_constant__ GroupedRows rows, int k_of_split,
               bool vectors, SplitSpace space) {
  using T = typename Tile::T;
  METRONOME_DYNAMIC_SHARED(T, shared);
  const bool gated = args.up != nullptr;
  const int columns = gated ? Tile::kColumns / 2 : Tile::kColumns;
  const PartColumns at = FindColumns(args, blockIdx.y, columns);
  const LinearPart& part = args.part[at.part];

  TileOperands<T> operands;
  int64_t first_row = 0, w_at = at.first * args.k;
  operands.x = static_cast<const T*>(args.x);
  if (rows.tiles == nullptr) {
    first_row = int64_t{blockIdx.x} * Tile::kRows;
    operands.x += first_row * args.k;
    operands.rows = static_cast<int>(args.m - first_row < Tile::kRows ? args.m - first_row : Tile::kRows);
  } else {
    const RowTile tile = rows.tiles[blockIdx.x];
    if (tile.rows == 0) return;
    operands.order = rows.order + tile.first;
    operands.repeat = rows.repeat;
    operands.rows = tile.rows;
    w_at += tile.expert * rows.stride;
  }
  operands.w = static_cast<const T*>(part.w) + w_at;
  if (gated) operands.up = static_cast<const T*>(args.up) + w_at;
  operands.columns = part.n - at.first;
  operands.k = args.k;
  const int k = static_cast<int>(args.k);
  operands.begin = static_cast<int>(blockIdx.z) * k_of_split;
  operands.end = operands.begin + k_of_split < k ? operands.begin + k_of_split : k;
  operands.x_vectors = operands.w_vectors = vectors;

  float sums[Tile::kOuter][Tile::kInner];
  Tile::Multiply(operands, shared, sums);
  const SharedSums<Tile> shared_sums(sums, reinterpret_cast<float*>(shared));
  if (gridDim.z > 1) {
    if (!SumSplits<Tile::kThreads>(space, int64_t{blockIdx.y} * gridDim.x + blockIdx.x, static_cast<int>(blockIdx.z),
                                   static_cast<int>(gridDim.z), SharedSums<Tile>::kCount, shared_sums))
      return;
    __syncthreads();  // A gated sum's other product is another thread's.
  }
  const int64_t columns_here = operands.columns < columns ? operands.columns : columns;
  shared_sums.Visit(gated, [&](int row, int column, float sum, float up) {
    if (row < operands.rows && column < columns_here)
      WriteOutput<T>(args, part, first_row + operands.RowOf(row), at.first + column, sum, up);
  });
}

// Tiles from the smallest to the largest. All have 2 blocks or more on a multiprocessor with 228 KiB of shared memory.
template <typename T>
using SmallTile = TensorTile<T, 1, 4, 1, 2, 4>;  // 16 x 64, 40 KiB: 24 KiB of weights are under way.
template <typename T>
using MiddleTile = TensorTile<T, 2, 2, 2, 4, 4>;  // 64 x 64, 64 KiB.
template <typename T>
using LargeTile = TensorTile<T, 4, 2, 2, 8, 3>;  // 128 x 128, 96 KiB.

template <typename Function>
void WithTile(DType dtype, int tile, Function&& function) {
  const auto choose = [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (tile == 1) return function(Tag<SmallTile<T>>());
    if (tile == 2) return function(Tag<MiddleTile<T>>());
    return function(Tag<LargeTile<T>>());
  };
  if (dtype == DType::kBFloat16) return choose(Tag<bf16>());
  if (dtype == DType::kFloat16) return choose(Tag<f16>());
  function(Tag<SimtTile<float>>());
}

// The largest tile that rows fill at least half of, and of which there is one for each multiprocessor.
int ChooseTile(const DeviceContext& context, const LinearArgs& args, int64_t rows) {
  if (args.tuning.tile >= 1 && args.tuning.tile <= 3) return static_cast<int>(args.tuning.tile);
  if (rows <= 16) return 1;
  const int64_t columns = ColumnTiles(args, args.up != nullptr ? 64 : 128);
  return rows > 64 && (args.m + 127) / 128 * columns >= context.multiprocessors ? 3 : 2;
}

}  // namespace

int64_t GemmTileRows(const DeviceContext& context, const LinearArgs& args, int64_t typical_rows) {
  int64_t rows = 0;
  WithTile(args.dtype, ChooseTile(context, args, typical_rows), [&](auto tag) { rows = decltype(tag)::Type::kRows; });
  return rows;
}

void LaunchGemm(const DeviceContext& context, const LinearArgs& args, const GroupedRows& rows) {
  const int chosen = ChooseTile(context, args, rows.tiles == nullptr ? args.m : rows.rows_of_tile);
  WithTile(args.dtype, chosen, [&](auto tag) {
    using Tile = typename decltype(tag)::Type;
    using T = typename Tile::T;
    const int64_t column_tiles = ColumnTiles(args, args.up != nullptr ? Tile::kColumns / 2 : Tile::kColumns),
                  row_tiles = rows.tiles == nullptr ? (args.m + Tile::kRows - 1) / Tile::kRows : rows.max_tiles,
                  tiles = row_tiles * column_tiles;
    if (tiles == 0) return;
    bool vectors = RowsAreVectors<T>(args.k, static_cast<const T*>(args.x), static_cast<const T*>(args.up));
    for (int part = 0; part < args.parts; ++part) vectors = vectors && IsAligned(args.part[part].w, kVectorBytes);

    // Where tiles leave multiprocessors idle, blocks share sums, while each has 4 steps along k.
    const int64_t steps = (args.k + Tile::kDepth - 1) / Tile::kDepth;
    int64_t splits = context.multiprocessors / tiles;
    if (splits > steps / 4) splits = steps / 4;
    if (args.tuning.splits > 0) splits = args.tuning.splits;
    constexpr int64_t kMaxSplits = 16;
    SplitSpace space;
    splits = FitSplits(context, tiles, SharedSums<Tile>::kCount, splits < kMaxSplits ? splits : kMaxSplits, space);
    const int64_t k_of_split = (steps + splits - 1) / splits * Tile::kDepth;
    Launch(context, GemmKernel<Tile>,
           {.grid = dim3(static_cast<unsigned>(row_tiles), static_cast<unsigned>(column_tiles),
                         static_cast<unsigned>(splits)),
            .block = dim3(Tile::kThreads),
            .shared_bytes = Tile::kSharedBytes},
           args, rows, static_cast<int>(k_of_split), vectors, space);
  });
}

}  // namespace metronome::cuda
