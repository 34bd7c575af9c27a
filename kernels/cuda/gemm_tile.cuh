#ifndef METRONOME_KERNELS_CUDA_GEMM_TILE_CUH_
#define METRONOME_KERNELS_CUDA_GEMM_TILE_CUH_

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/pack.cuh"

#if defined(__CUDACC__)
#define METRONOME_NO_UNROLL _Pragma("unroll 1")
#else
#define METRONOME_NO_UNROLL
#endif

namespace metronome::cuda {

// What the block of one tile multiplies: rows of x with rows of weights, the elements [begin, end) of each. Rows that a
// tile has beyond the operands are nullptr, and count as zeros.
template <typename T>
struct TileOperands {
  const T* x = nullptr;            // Row 0 of the tile, or of all rows where `order` says which.
  const int32_t* order = nullptr;  // [rows] or nullptr.
  int64_t repeat = 1;              // With `order`: that many of its rows are one of x.
  int rows = 0;
  const T* w = nullptr;   // The tile's first column.
  const T* up = nullptr;  // The other weight of a gated product, or nullptr.
  int64_t columns = 0;    // From there to the last.
  int64_t k = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool x_vectors = false;  // Rows begin aligned to an access.
  bool w_vectors = false;
  bool w_by_k = false;  // w is [k, w_pitch]: a column is no row of it. Only for SimtTile.
  int64_t w_pitch = 0;

  __device__ __forceinline__ int64_t RowOf(int i) const { return order == nullptr ? i : order[i]; }
  __device__ __forceinline__ const T* XRow(int i) const {
    if (i >= rows) return nullptr;
    return x + (order == nullptr ? i : order[i] / repeat) * k;
  }
  // A gated tile has kInterleaved columns of the gate, then as many of up, and so on.
  template <int kInterleaved>
  __device__ __forceinline__ const T* WRow(int i) const {
    const int64_t column = up == nullptr ? i : i / (2 * kInterleaved) * kInterleaved + i % kInterleaved;
    if (column >= columns) return nullptr;
    return (up == nullptr || i / kInterleaved % 2 == 0 ? w : up) + column * (w_by_k ? 1 : k);
  }
};

// Calls visit(row, column, sum, up) for each of the tile's sums, threads along the rows; in a gated tile `up` is that
// of the other product. Through shared memory, which all threads have read: what follows a sum is then compiled once
// and not for each register, and neighbours write neighbours.
template <typename Tile, typename Visitor>
__device__ __forceinline__ void VisitSums(bool gated, const float (&sums)[Tile::kOuter][Tile::kInner], float* shared,
                                          Visitor visit) {
  constexpr int kInterleaved = Tile::kInterleaved;
  __syncthreads();  // What the products read is no longer needed.
  Tile::Store(sums, shared);
  __syncthreads();
  const int columns = gated ? Tile::kColumns / 2 : Tile::kColumns;
  METRONOME_NO_UNROLL
  for (int i = static_cast<int>(threadIdx.x); i < Tile::kRows * columns; i += Tile::kThreads) {
    const int row = i / columns, column = i % columns;
    const float* const at = shared + row * Tile::kSumsPitch +
                            (gated ? column / kInterleaved * 2 * kInterleaved + column % kInterleaved : column);
    visit(row, column, *at, gated ? at[kInterleaved] : 0.0f);
  }
}

// N elements of a row from `at`, zeros from `end` on.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> LoadOrZero(const T* row, int64_t at, int64_t end, bool vectors) {
  if (row != nullptr && vectors && at + N <= end) return Load<T, N>(row + at);
  Pack<T, N> pack;
  METRONOME_UNROLL
  for (int i = 0; i < N; ++i) pack[i] = row != nullptr && at + i < end ? row[at + i] : FromFloat<T>(0.0f);
  return pack;
}

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_GEMM_TILE_CUH_
