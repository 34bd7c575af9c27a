#include "kernels/cuda/primitives/strided.cuh"
#include "kernels/cuda/products/gemm_simt.cuh"
#include "kernels/cuda/products/gemm_tensor.cuh"
#include "kernels/cuda/products/matmul.h"

namespace metronome::kernels::cuda {
namespace {

// Blocks (x, y, z) compute tile y of the rows and x of the columns of matrix `first` + z.
template <typename Tile>
__global__ void METRONOME_BLOCK_THREADS(Tile::kThreads)
    MatmulKernel(const __grid_constant__ MatmulArgs args, int64_t first, bool a_vectors, bool b_vectors) {
  using T = typename Tile::T;
  METRONOME_DYNAMIC_SHARED(T, shared);
  const int64_t matrix = first + blockIdx.z, row = int64_t{blockIdx.y} * Tile::kRows,
                column = int64_t{blockIdx.x} * Tile::kColumns;
  int64_t at[2];
  FindOperands<uint32_t>(args.batch, matrix, at);
  const int rows = static_cast<int>(args.m - row < Tile::kRows ? args.m - row : Tile::kRows),
            columns = static_cast<int>(args.n - column < Tile::kColumns ? args.n - column : Tile::kColumns);

  TileOperands<T> operands;
  operands.x = static_cast<const T*>(args.a) + (at[0] * args.m + row) * args.k;
  operands.rows = rows;
  operands.w = static_cast<const T*>(args.b) + at[1] * args.n * args.k + column * (args.transposed ? args.k : 1);
  operands.columns = columns;
  operands.k = static_cast<int>(args.k);
  operands.end = operands.k;
  operands.x_vectors = a_vectors;
  operands.w_vectors = b_vectors;
  operands.w_by_k = !args.transposed;
  operands.w_pitch = args.n;

  float sums[Tile::kOuter][Tile::kInner];
  Tile::Multiply(operands, shared, sums);
  const SharedSums<Tile> shared_sums(sums, reinterpret_cast<float*>(shared));
  shared_sums.Visit(false, [&](int i, int j, float sum, float) {
    if (i >= rows || j >= columns) return;
    const int64_t target = (matrix * args.m + row + i) * args.n + column + j;
    if (args.wide) {
      static_cast<float*>(args.y)[target] = sum;
    } else {
      static_cast<T*>(args.y)[target] = FromFloat<T>(sum);
    }
  });
}

template <typename Tile>
void LaunchTiles(const DeviceContext& context, const MatmulArgs& args) {
  using T = typename Tile::T;
  const auto tiles = [](int64_t size, int64_t of_tile) {
    return static_cast<unsigned>((size + of_tile - 1) / of_tile);
  };
  const bool a_vectors = RowsAreVectors<T>(args.k, static_cast<const T*>(args.a)),
             b_vectors = RowsAreVectors<T>(args.transposed ? args.k : args.n, static_cast<const T*>(args.b));
  constexpr int64_t kMaxMatrices = 65535;  // Of a grid's third size.
  for (int64_t first = 0; first < args.batch.elements; first += kMaxMatrices) {
    const int64_t left = args.batch.elements - first;
    Launch(context, MatmulKernel<Tile>,
           {.grid = dim3(tiles(args.n, Tile::kColumns), tiles(args.m, Tile::kRows),
                         static_cast<unsigned>(left < kMaxMatrices ? left : kMaxMatrices)),
            .block = dim3(Tile::kThreads),
            .shared_bytes = Tile::kSharedBytes},
           args, first, a_vectors, b_vectors);
  }
}

}  // namespace

void LaunchMatmul(const DeviceContext& context, const MatmulArgs& args) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if constexpr (sizeof(T) == 2) {
      if (args.transposed) return LaunchTiles<MiddleTile<T>>(context, args);
    }
    LaunchTiles<SimtTile<T>>(context, args);
  });
}

}  // namespace metronome::kernels::cuda
