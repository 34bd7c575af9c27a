#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_SIMT_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_SIMT_CUH_

#include "kernels/cuda/products/gemm_tile.cuh"

namespace metronome::kernels::cuda {

// A tile in float32 arithmetic, for any T: 64 x 64 by 256 threads of 4 x 4 sums each. 16 elements of k at a time lie in
// shared memory, [k][row], so that a thread reads its 4 rows and 4 columns as vectors; the next 16 are on their way to
// registers meanwhile.
template <typename Element>
struct SimtTile {
  using T = Element;
  static constexpr int kRows = 64;
  static constexpr int kColumns = 64;
  static constexpr int kThreads = 256;
  static constexpr int kOuter = 4;
  static constexpr int kInner = 4;
  static constexpr int kDepth = 16;
  static constexpr int kInterleaved = 1;
  static constexpr int kSumsPitch = kColumns + 4;
  static constexpr int64_t kSharedBytes = int64_t{kRows} * kSumsPitch * 4;

  static __device__ __forceinline__ void Multiply(const TileOperands<T>& operands, T*, float (&sums)[kOuter][kInner]) {
    METRONOME_SHARED(float, x_shared, kDepth* kPitch);
    METRONOME_SHARED(float, w_shared, kDepth* kPitch);
    const int thread = static_cast<int>(threadIdx.x);
    // A thread brings 4 neighbours: along k of one row or column, or 4 columns of one k where w is [k, n].
    const int near = thread / 4, near_at = thread % 4 * 4, far = thread % 16 * 4, far_at = thread / 16;
    const int x_row = operands.XRow(near), w_column = operands.template WColumn<kInterleaved>(near);
    const T* const x = x_row < 0 ? nullptr : operands.x + int64_t{x_row} * operands.k;
    const T* const w = w_column >= operands.columns
                           ? nullptr
                           : operands.template Weight<kInterleaved>(near) + int64_t{w_column} * operands.k;

    const auto load_w = [&](int at) {
      if (!operands.w_by_k) return LoadOrZero<4>(w, at + near_at, operands.end, operands.w_vectors);
      const int k = at + far_at;
      const T* const row = k < operands.end ? operands.w + int64_t{k} * operands.w_pitch : nullptr;
      return LoadOrZero<4>(row, far, operands.columns, operands.w_vectors);
    };
    METRONOME_UNROLL
    for (int i = 0; i < kOuter; ++i) {
      METRONOME_UNROLL
      for (int j = 0; j < kInner; ++j) sums[i][j] = 0;
    }
    Pack<T, 4> next_x = LoadOrZero<4>(x, operands.begin + near_at, operands.end, operands.x_vectors);
    Pack<T, 4> next_w = load_w(operands.begin);
    for (int at = operands.begin; at < operands.end; at += kDepth) {
      __syncthreads();  // The last step was read.
      METRONOME_UNROLL
      for (int i = 0; i < 4; ++i) {
        x_shared[(near_at + i) * kPitch + near] = ToFloat(next_x[i]);
        const int place = operands.w_by_k ? far_at * kPitch + far + i : (near_at + i) * kPitch + near;
        w_shared[place] = ToFloat(next_w[i]);
      }
      __syncthreads();
      if (at + kDepth < operands.end) {
        next_x = LoadOrZero<4>(x, at + kDepth + near_at, operands.end, operands.x_vectors);
        next_w = load_w(at + kDepth);
      }
      METRONOME_UNROLL
      for (int k = 0; k < kDepth; ++k) {
        const Pack<float, 4> a = Load<float, 4>(x_shared + k * kPitch + FirstRow()),
                             b = Load<float, 4>(w_shared + k * kPitch + FirstColumn());
        METRONOME_UNROLL
        for (int i = 0; i < kOuter; ++i) {
          METRONOME_UNROLL
          for (int j = 0; j < kInner; ++j) sums[i][j] += a[i] * b[j];
        }
      }
    }
  }

  // Lays the sums of this thread out in shared memory, [kRows][kSumsPitch].
  static __device__ __forceinline__ void Store(const float (&sums)[kOuter][kInner], float* shared) {
    METRONOME_UNROLL
    for (int i = 0; i < kOuter; ++i) {
      Pack<float, kInner> row;
      METRONOME_UNROLL
      for (int j = 0; j < kInner; ++j) row[j] = sums[i][j];
      cuda::Store(shared + (FirstRow() + i) * kSumsPitch + FirstColumn(), row);
    }
  }

 private:
  static constexpr int kPitch = kRows + 4;  // A multiple of a vector, and no multiple of the banks.
  static_assert(kRows == kColumns);
  static __device__ __forceinline__ int FirstRow() { return static_cast<int>(threadIdx.x) / 16 * 4; }
  static __device__ __forceinline__ int FirstColumn() { return static_cast<int>(threadIdx.x) % 16 * 4; }
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_SIMT_CUH_
