#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_TENSOR_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_TENSOR_CUH_

#include "kernels/cuda/primitives/async_copy.cuh"
#include "kernels/cuda/primitives/mma.cuh"
#include "kernels/cuda/products/gemm_tile.cuh"

namespace metronome::kernels::cuda {

// A tile on tensor cores, kRowWarps x kColumnWarps warps of kRowFragments x kColumnFragments products of 16 x 8. T is
// bf16 or f16.
//
// 64 elements of k at a time come to shared memory by asynchronous copies, kStages - 1 of them ahead of the products. A
// row of a stage is 8 chunks of 16 bytes, chunk c of row r at place c ^ (r % 8): the 8 rows that a matrix load reads
// lie in different banks.
template <typename Element, int kRowWarps, int kColumnWarps, int kRowFragments, int kColumnFragments, int kStages>
struct TensorTile {
  using T = Element;
  static constexpr int kRows = kRowWarps * kRowFragments * 16;
  static constexpr int kColumns = kColumnWarps * kColumnFragments * 8;
  static constexpr int kThreads = kRowWarps * kColumnWarps * kWarpLanes;
  static constexpr int kOuter = kRowFragments * kColumnFragments;  // Sums of a thread: [kOuter][kInner].
  static constexpr int kInner = 4;
  static constexpr int kDepth = 64;
  static constexpr int kInterleaved = 8;           // Columns of a fragment.
  static constexpr int kSumsPitch = kColumns + 8;  // The rows that a warp writes together begin in different banks.
  static constexpr int64_t kStageBytes = int64_t{kStages} * (kRows + kColumns) * kDepth * 2,
                           kSumsBytes = int64_t{kRows} * kSumsPitch * 4,
                           kSharedBytes = kStageBytes > kSumsBytes ? kStageBytes : kSumsBytes;

  static __device__ __forceinline__ void Multiply(const TileOperands<T>& operands, T* shared,
                                                  float (&sums)[kOuter][kInner]) {
    constexpr int kChunks = kDepth / kChunk, kRowStep = kThreads / kChunks;
    constexpr int kXCopies = (kRows + kRowStep - 1) / kRowStep, kWCopies = kColumns / kRowStep;
    static_assert(kColumns % kRowStep == 0 && kColumnFragments % 2 == 0);
    const int thread = static_cast<int>(threadIdx.x), copy_row = thread / kChunks, chunk = thread % kChunks;
    int x[kXCopies];
    METRONOME_UNROLL
    for (int i = 0; i < kXCopies; ++i) x[i] = operands.XRow(copy_row + i * kRowStep);
    // This thread's rows of weights are all of the gate or all of up.
    static_assert(kRowStep % (2 * kInterleaved) == 0);
    const T* const w = operands.template Weight<kInterleaved>(copy_row);
    int w_row[kWCopies];
    METRONOME_UNROLL
    for (int i = 0; i < kWCopies; ++i) {
      w_row[i] = operands.template WColumn<kInterleaved>(copy_row + i * kRowStep);
      if (w_row[i] >= operands.columns) w_row[i] = -1;
    }

    const bool vectors = operands.x_vectors && operands.w_vectors;
    const auto copy = [&](int step) {
      T* const stage = shared + step % kStages * kStageElements;
      const int at = operands.begin + step * kDepth + chunk * kChunk, left = operands.end - at,
                valid = left < 0 ? 0 : (left < kChunk ? left : kChunk);
      const int64_t from = valid > 0 ? at : 0;  // An address that exists, also where nothing is read.
      METRONOME_UNROLL
      for (int i = 0; i < kXCopies; ++i) {
        const int row = copy_row + i * kRowStep;
        if (kRows % kRowStep == 0 || row < kRows)
          CopyChunk(stage + Place(row, chunk), operands.x + from, x[i], operands.k, valid, vectors);
      }
      METRONOME_UNROLL
      for (int i = 0; i < kWCopies; ++i)
        CopyChunk(stage + Place(kRows + copy_row + i * kRowStep, chunk), w + from, w_row[i], operands.k, valid,
                  vectors);
    };

    METRONOME_UNROLL
    for (int i = 0; i < kOuter; ++i) {
      METRONOME_UNROLL
      for (int j = 0; j < kInner; ++j) sums[i][j] = 0;
    }
    const int steps = (operands.end - operands.begin + kDepth - 1) / kDepth;
    METRONOME_NO_UNROLL
    for (int step = 0; step < kStages - 1; ++step) {
      if (step < steps) copy(step);
      AsyncCopyCommit();  // Also an empty group: the waits count them.
    }
    METRONOME_NO_UNROLL
    for (int step = 0; step < steps; ++step) {
      AsyncCopyWait<kStages - 2>();
      __syncthreads();  // All threads' copies of this step are there, and nobody reads the stage that comes next.
      if (step + kStages - 1 < steps) copy(step + kStages - 1);
      AsyncCopyCommit();
      MultiplyStage(shared + step % kStages * kStageElements, sums);
    }
  }

  // Lays the sums of this thread out in shared memory, [kRows][kSumsPitch].
  static __device__ __forceinline__ void Store(const float (&sums)[kOuter][kInner], float* shared) {
    float* const corner = shared + (FirstRow() + Lane() / 4) * kSumsPitch + FirstColumn() + Lane() % 4 * 2;
    METRONOME_UNROLL
    for (int i = 0; i < kOuter; ++i) {
      METRONOME_UNROLL
      for (int e = 0; e < kInner; ++e)
        corner[(i / kColumnFragments * 16 + e / 2 * 8) * kSumsPitch + i % kColumnFragments * 8 + e % 2] = sums[i][e];
    }
  }

 private:
  static constexpr int kChunk = kVectorWidth<T>;
  static constexpr int kStageElements = (kRows + kColumns) * kDepth;

  static __device__ __forceinline__ int Lane() { return static_cast<int>(threadIdx.x) % kWarpLanes; }
  static __device__ __forceinline__ int FirstRow() {
    return static_cast<int>(threadIdx.x) / kWarpLanes / kColumnWarps * kRowFragments * 16;
  }
  static __device__ __forceinline__ int FirstColumn() {
    return static_cast<int>(threadIdx.x) / kWarpLanes % kColumnWarps * kColumnFragments * 8;
  }
  static __device__ __forceinline__ int Place(int row, int chunk) { return row * kDepth + (chunk ^ row % 8) * kChunk; }

  // The first `valid` elements of a chunk of a row, zeros behind and where the row is -1.
  static __device__ __forceinline__ void CopyChunk(T* to, const T* matrix, int row, int k, int valid, bool vectors) {
    row = Afresh(row);  // For the address.
    const T* const from = matrix + int64_t{row < 0 ? 0 : row} * k;
    if (row < 0) valid = 0;
    if (vectors) {
      AsyncCopy16(to, from, valid * static_cast<int>(sizeof(T)));
      return;
    }
    METRONOME_NO_UNROLL
    for (int i = 0; i < kChunk; ++i) to[i] = i < valid ? from[i] : FromFloat<T>(0.0f);
  }

  static __device__ __forceinline__ void MultiplyStage(const T* stage, float (&sums)[kOuter][kInner]) {
    const int lane = Lane(), x_row = FirstRow() + lane % 16, w_row = kRows + FirstColumn() + lane / 16 * 8 + lane % 8;
    METRONOME_UNROLL
    for (int depth = 0; depth < kDepth / 16; ++depth) {
      uint32_t a[kRowFragments][4];
      METRONOME_UNROLL
      for (int i = 0; i < kRowFragments; ++i) LoadMatrices4(a[i], stage + Place(x_row + i * 16, depth * 2 + lane / 16));
      METRONOME_UNROLL
      for (int j = 0; j < kColumnFragments; j += 2) {
        uint32_t pair[4];
        LoadMatrices4(pair, stage + Place(w_row + j * 8, depth * 2 + lane / 8 % 2));
        const uint32_t b[2][2] = {{pair[0], pair[1]}, {pair[2], pair[3]}};
        METRONOME_UNROLL
        for (int i = 0; i < kRowFragments; ++i) {
          MultiplyAccumulate16x8x16<T>(sums[i * kColumnFragments + j], a[i], b[0]);
          MultiplyAccumulate16x8x16<T>(sums[i * kColumnFragments + j + 1], a[i], b[1]);
        }
      }
    }
  }
};

// Tiles from the smallest to the largest. All have 2 blocks or more on a multiprocessor with 228 KiB of shared memory.
template <typename T>
using SmallTile = TensorTile<T, 1, 4, 1, 2, 4>;  // 16 x 64, 40 KiB: 24 KiB of weights are under way.
template <typename T>
using MiddleTile = TensorTile<T, 2, 2, 2, 4, 4>;  // 64 x 64, 64 KiB.
template <typename T>
using LargeTile = TensorTile<T, 2, 4, 4, 4, 3>;  // 128 x 128, 96 KiB.

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_TENSOR_CUH_
