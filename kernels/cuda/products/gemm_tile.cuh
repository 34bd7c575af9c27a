#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_TILE_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_TILE_CUH_

#include "kernels/cuda/primitives/device.cuh"
#include "kernels/cuda/primitives/pack.cuh"

namespace metronome::kernels::cuda {

// What the block of one tile multiplies: rows of x with rows of weights, the elements [begin, end) of each. Rows that a
// tile has beyond the operands count as zeros.
template <typename T>
struct TileOperands {
  const T* x = nullptr;            // Row 0 of the tile, or of all rows where `order` says which.
  const int32_t* order = nullptr;  // [rows] or nullptr.
  int64_t repeat = 1;              // With `order`: that many of its rows are one of x.
  int rows = 0;
  const T* w = nullptr;   // The tile's first column.
  const T* up = nullptr;  // The other weight of a gated product, or nullptr.
  int columns = 0;        // From there to the last.
  int k = 0;
  int begin = 0;
  int end = 0;
  bool x_vectors = false;  // Rows begin aligned to an access.
  bool w_vectors = false;
  bool w_by_k = false;  // w is [k, w_pitch]: a column is no row of it. Only for SimtTile.
  int64_t w_pitch = 0;

  // Row i of the tile as a row of x, or -1.
  __device__ __forceinline__ int XRow(int i) const {
    if (i >= rows) return -1;
    return order == nullptr ? i : order[i] / static_cast<int>(repeat);
  }
  // Row i of the tile's weights is a row of Weight, WColumn rows from its first. A gated tile has kInterleaved columns
  // of the gate, then as many of up, and so on.
  template <int kInterleaved>
  __device__ __forceinline__ const T* Weight(int i) const {
    return up == nullptr || i / kInterleaved % 2 == 0 ? w : up;
  }
  template <int kInterleaved>
  __device__ __forceinline__ int WColumn(int i) const {
    return up == nullptr ? i : i / (2 * kInterleaved) * kInterleaved + i % kInterleaved;
  }
};

// A tile's sums in shared memory, which all threads have read: what follows a sum is then compiled once and not for
// each register, and neighbours write neighbours. Thread t has the sums t, t + kThreads, ...
template <typename Tile>
class SharedSums {
 public:
  __device__ __forceinline__ SharedSums(const float (&sums)[Tile::kOuter][Tile::kInner], float* shared)
      : shared_(shared) {
    __syncthreads();  // What the products read is no longer needed.
    Tile::Store(sums, shared);
    __syncthreads();
  }
  static constexpr int kCount = Tile::kRows * Tile::kColumns;
  __device__ __forceinline__ float& operator()(int i) const {
    return shared_[i / Tile::kColumns * Tile::kSumsPitch + i % Tile::kColumns];
  }

  // Calls visit(row, column, sum, up); in a gated tile `up` is the sum of the other product.
  template <typename Visitor>
  __device__ __forceinline__ void Visit(bool gated, Visitor visit) const {
    constexpr int kInterleaved = Tile::kInterleaved;
    METRONOME_NO_UNROLL
    for (int i = static_cast<int>(threadIdx.x); i < kCount; i += Tile::kThreads) {
      const int row = i / Tile::kColumns, at = i % Tile::kColumns;
      if (!gated) {
        visit(row, at, (*this)(i), 0.0f);
      } else if (at / kInterleaved % 2 == 0) {
        visit(row, at / (2 * kInterleaved) * kInterleaved + at % kInterleaved, (*this)(i), (*this)(i + kInterleaved));
      }
    }
  }

 private:
  float* shared_;
};

// N elements of a row from `at`, zeros from `end` on.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> LoadOrZero(const T* row, int64_t at, int64_t end, bool vectors) {
  if (row != nullptr && vectors && at + N <= end) return Load<T, N>(row + at);
  Pack<T, N> pack;
  METRONOME_UNROLL
  for (int i = 0; i < N; ++i) pack[i] = row != nullptr && at + i < end ? row[at + i] : FromFloat<T>(0.0f);
  return pack;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_TILE_CUH_
