#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_TILES_CUH_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_TILES_CUH_

#include "kernels/cuda/attention/attention_work.h"
#include "kernels/cuda/primitives/async_copy.cuh"
#include "kernels/cuda/primitives/pack.cuh"

namespace metronome::kernels::cuda {

// How a block divides its work: kRowWarps x kKeyWarps warps, each with 16 packed rows and kWarpKeys of a tile's keys.
// With many rows warps share keys (kKeyWarps = 1); with few they share rows, and their results are merged at the end.
template <typename T, int kRowWarpsOf, int kKeyWarpsOf, int kWarpKeysOf, int kValuesOf>
struct AttentionTiles {
  using Type = T;
  static constexpr int kRowWarps = kRowWarpsOf;
  static constexpr int kKeyWarps = kKeyWarpsOf;
  static constexpr int kWarpRows = 16;
  static constexpr int kWarpKeys = kWarpKeysOf;
  static constexpr int kThreads = kRowWarps * kKeyWarps * kWarpLanes;
  static constexpr int kRows = kRowWarps * kWarpRows;
  static constexpr int kKeys = kKeyWarps * kWarpKeys;
  static constexpr int kValues = kValuesOf;  // Value columns of a block.
  static constexpr int kStages = 2;          // One tile is read while the next one comes.

  // Elements of 16 bytes. Rows in shared memory are an odd number of chunks long, so that the same chunk of 8
  // successive rows lies in different banks.
  static constexpr int kChunk = kVectorWidth<T>;
  static constexpr int kSizeStep = 2 * kChunk;
  static constexpr int kValueStride = kValues + kChunk;
  static __host__ __device__ int PaddedSize(int64_t size) {
    return size == 0 ? kSizeStep : static_cast<int>((size + kSizeStep - 1) / kSizeStep * kSizeStep);
  }
  static __host__ __device__ int KeyStride(int padded_size) { return padded_size + kChunk; }

  // What a block leaves: sums of weighted values [kRows, kValues], then the rows' largest scores and sums of weights.
  static constexpr int kPartialFloats = kRows * (kValues + 2);
  static_assert(kPartialFloats <= kMaxAttentionPartialFloats);

  // During the loop: queries [kRows], keys [kStages, kKeys], values [kStages, kKeys]. After it the results of the
  // warps, and when merging splits a weight for each.
  static constexpr int kMixStride = kValues + 8;  // Rows of a quad's lanes in different banks.
  static int SharedBytes(int padded_size) {
    const int stride = KeyStride(padded_size);
    const int loop = (kRows * stride + kStages * kKeys * (stride + kValueStride)) * static_cast<int>(sizeof(T));
    const int results = kKeyWarps * kRows * (kMixStride + 2) * static_cast<int>(sizeof(float));
    const int weights = kRows * kMaxAttentionSplits * static_cast<int>(sizeof(float));
    const int larger = loop > results ? loop : results;
    return larger > weights ? larger : weights;
  }
};

// A tensor [positions, heads, columns], of which a block reads one head or several.
template <typename T>
struct HeadRows {
  const T* data;
  int columns;        // To copy; zeros follow.
  bool whole_chunks;  // Rows are aligned chunks of 16 bytes: copies are asynchronous.
};

// Copies kRowCount rows of `chunks` chunks to shared memory. Row r begins at data + offset(r); it is zeros where that
// is negative.
template <int kThreads, int kRowCount, typename T, typename Offset>
__device__ __forceinline__ void CopyTile(T* shared, int stride, int chunks, const HeadRows<T>& rows, Offset offset) {
  constexpr int kChunk = kVectorWidth<T>;
  // Threads take successive chunks; a row's are few, so that a division for each would cost more than the copy.
  const int row_step = kThreads / chunks, chunk_step = kThreads % chunks;
  int row = static_cast<int>(threadIdx.x) / chunks, chunk = static_cast<int>(threadIdx.x) % chunks;
  while (row < kRowCount) {
    const int64_t from = offset(row);
    const int first = chunk * kChunk;
    T* const to = shared + row * stride + first;
    if (rows.whole_chunks) {
      const bool valid = from >= 0 && first < rows.columns;
      AsyncCopy16(to, rows.data + (valid ? from + first : 0), valid ? kVectorBytes : 0);
    } else {
      Vector<T> vector;
      METRONOME_UNROLL
      for (int i = 0; i < kChunk; ++i)
        vector[i] = from >= 0 && first + i < rows.columns ? rows.data[from + first + i] : FromFloat<T>(0.0f);
      StoreVector(to, vector);
    }
    row += row_step;
    chunk += chunk_step;
    if (chunk >= chunks) {
      chunk -= chunks;
      ++row;
    }
  }
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_TILES_CUH_
