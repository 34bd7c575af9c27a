#include "kernels/cuda/products/gemm.h"
#include "kernels/cuda/products/gemm_simt.cuh"
#include "kernels/cuda/products/gemm_split.cuh"
#include "kernels/cuda/products/gemm_tensor.cuh"
#include "kernels/cuda/products/linear_output.cuh"

namespace metronome::kernels::cuda {
namespace {

// What a block computes.
template <typename Tile>
struct TilePlace {
  int part = 0;
  int64_t first_column = 0;
  int columns = 0;        // Of y.
  int64_t first_row = 0;  // With `order`, its rows count from 0.
  int rows = 0;           // 0: nothing to do.
  const int32_t* order = nullptr;
  int expert = 0;

  __device__ __forceinline__ TilePlace(const LinearArgs& args, const GroupedRows& grouped, int row_tile,
                                       int column_tile) {
    const int most = args.up != nullptr ? Tile::kColumns / 2 : Tile::kColumns;
    const PartColumns at = FindColumns(args, column_tile, most);
    part = at.part;
    first_column = at.first;
    const int64_t columns_left = args.part[part].n - first_column;
    columns = columns_left < most ? static_cast<int>(columns_left) : most;
    if (grouped.tiles == nullptr) {
      first_row = int64_t{row_tile} * Tile::kRows;
      rows = static_cast<int>(args.m - first_row < Tile::kRows ? args.m - first_row : Tile::kRows);
    } else {
      const RowTile tile = grouped.tiles[row_tile];
      rows = tile.rows;
      order = grouped.order + tile.first;
      expert = tile.expert;
    }
  }
};

// Tiles of rows are neighbours in the grid: they run together, so that weights come from memory once.
template <typename Tile>
__global__ void METRONOME_BLOCK_THREADS(Tile::kThreads)
    GemmKernel(const __grid_constant__ LinearArgs args, const __grid_constant__ GroupedRows rows, int k_of_split,
               bool vectors, SplitSpace space) {
  using T = typename Tile::T;
  METRONOME_DYNAMIC_SHARED(T, shared);
  const bool gated = args.up != nullptr;
  float sums[Tile::kOuter][Tile::kInner];
  {
    const TilePlace<Tile> place(args, rows, static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y));
    if (place.rows == 0) return;
    const int k = static_cast<int>(args.k), begin = static_cast<int>(blockIdx.z) * k_of_split;
    const int64_t w_at = place.first_column * args.k + place.expert * rows.stride;
    TileOperands<T> operands;
    operands.x = static_cast<const T*>(args.x) + place.first_row * args.k;
    operands.order = place.order;
    operands.repeat = rows.repeat;
    operands.rows = place.rows;
    operands.w = static_cast<const T*>(args.part[place.part].w) + w_at;
    if (gated) operands.up = static_cast<const T*>(args.up) + w_at;
    operands.columns = place.columns;
    operands.k = k;
    operands.begin = begin;
    operands.end = begin + k_of_split < k ? begin + k_of_split : k;
    operands.x_vectors = operands.w_vectors = vectors;
    Tile::Multiply(operands, shared, sums);
  }
  const SharedSums<Tile> shared_sums(sums, reinterpret_cast<float*>(shared));
  if (gridDim.z > 1) {
    if (!SumSplits<Tile::kThreads>(space, int64_t{blockIdx.y} * gridDim.x + blockIdx.x, static_cast<int>(blockIdx.z),
                                   static_cast<int>(gridDim.z), SharedSums<Tile>::kCount, shared_sums))
      return;
    __syncthreads();  // A gated sum's other product is another thread's.
  }
  const TilePlace<Tile> place(args, rows, Afresh(static_cast<int>(blockIdx.x)), Afresh(static_cast<int>(blockIdx.y)));
  shared_sums.Visit(gated, [&](int row, int column, float sum, float up) {
    if (row >= place.rows || column >= place.columns) return;
    const int64_t target = place.order == nullptr ? place.first_row + row : place.order[row];
    WriteOutput<T>(args, args.part[place.part], target, place.first_column + column, sum, up);
  });
}

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

}  // namespace

// The largest that rows fill at least half of, and of which there is one for each multiprocessor.
int ChooseGemmTile(const DeviceContext& context, const LinearArgs& args, int64_t rows) {
  if (args.tuning.tile >= 1 && args.tuning.tile <= 3) return static_cast<int>(args.tuning.tile);
  if (rows <= 16) return 1;
  const int64_t columns = ColumnTiles(args, args.up != nullptr ? 64 : 128);
  return rows > 64 && (args.m + 127) / 128 * columns >= context.multiprocessors ? 3 : 2;
}

int64_t GemmTileRows(DType dtype, int tile) {
  int64_t rows = 0;
  WithTile(dtype, tile, [&](auto tag) { rows = decltype(tag)::Type::kRows; });
  return rows;
}

void LaunchGemm(const DeviceContext& context, const LinearArgs& args, const GroupedRows& rows) {
  const int chosen = rows.tiles == nullptr ? ChooseGemmTile(context, args, args.m) : rows.tile;
  WithTile(args.dtype, chosen, [&](auto tag) {
    using Tile = typename decltype(tag)::Type;
    using T = typename Tile::T;
    const int64_t column_tiles = ColumnTiles(args, args.up != nullptr ? Tile::kColumns / 2 : Tile::kColumns),
                  row_tiles = rows.tiles == nullptr ? (args.m + Tile::kRows - 1) / Tile::kRows : rows.max_tiles,
                  tiles = row_tiles * column_tiles;
    if (tiles == 0) return;
    bool vectors = RowsAreVectors<T>(args.k, static_cast<const T*>(args.x), static_cast<const T*>(args.up));
    for (int part = 0; part < args.parts; ++part) vectors = vectors && IsAligned(args.part[part].w, kVectorBytes);

    // Where tiles leave multiprocessors idle, blocks share sums, while each has 4 steps along k. Up to 64 rows the
    // weights' bytes decide: with two blocks of the smallest tile, a multiprocessor has 48 KiB of them under way.
    const int64_t steps = (args.k + Tile::kDepth - 1) / Tile::kDepth;
    int64_t splits = (Tile::kRows > 64 ? 1 : 2) * int64_t{context.multiprocessors} / tiles;
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

}  // namespace metronome::kernels::cuda
