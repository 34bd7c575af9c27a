#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_FRAGMENTS_CUH_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_FRAGMENTS_CUH_

#include <type_traits>

#include "kernels/cuda/attention/attention_tiles.cuh"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/mma.cuh"

namespace metronome::kernels::cuda {

// A warp's share of a tile: 16 packed rows times kWarpKeys keys, in the layout of tensor cores for every type. Lane
// 4 g + t has of each 8 columns
//   [0], [1]: row g, columns 2 t and 2 t + 1;  [2], [3]: the same of row g + 8.
// The two rows of a lane are called 0 and 1.

struct QuadLane {
  int group = static_cast<int>(threadIdx.x) % kWarpLanes / 4;       // g.
  int column = static_cast<int>(threadIdx.x) % kWarpLanes % 4 * 2;  // 2 t.
};

// The positions that a lane's rows see: [low, high).
struct Visible {
  int low[2];
  int high[2];
  __device__ __forceinline__ bool operator()(int row, int position) const {
    return position >= low[row] && position < high[row];
  }
};

// scores = queries * keys^T: queries [16, size] and keys [kWarpKeys, size] in shared memory. The size is a multiple of
// AttentionTiles::kSizeStep.
template <int kWarpKeys, typename T>
__device__ __forceinline__ void Scores(float (&scores)[kWarpKeys / 8][4], const T* queries, const T* keys, int stride,
                                       int size) {
  METRONOME_UNROLL
  for (int tile = 0; tile < kWarpKeys / 8; ++tile) {
    METRONOME_UNROLL
    for (int i = 0; i < 4; ++i) scores[tile][i] = 0;
  }
  if constexpr (std::is_same_v<T, float>) {
    const QuadLane lane;
    const float* const row = queries + lane.group * stride;
    const float* const key = keys + lane.column * stride;
    for (int at = 0; at < size; at += 4) {
      const Pack<float, 4> first = Load<float, 4>(row + at), second = Load<float, 4>(row + 8 * stride + at);
      METRONOME_UNROLL
      for (int tile = 0; tile < kWarpKeys / 8; ++tile) {
        METRONOME_UNROLL
        for (int next = 0; next < 2; ++next) {
          const Pack<float, 4> elements = Load<float, 4>(key + (tile * 8 + next) * stride + at);
          METRONOME_UNROLL
          for (int i = 0; i < 4; ++i) {
            scores[tile][next] += first[i] * elements[i];
            scores[tile][2 + next] += second[i] * elements[i];
          }
        }
      }
    }
  } else {
    // The row of a matrix of 8 x 8 whose address this lane gives.
    const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
    const T* const row = queries + lane % 16 * stride + lane / 16 * 8;
    const T* const key = keys + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8;
    for (int at = 0; at < size; at += 16) {
      uint32_t a[4];
      LoadMatrices4(a, row + at);
      METRONOME_UNROLL
      for (int pair = 0; pair < kWarpKeys / 16; ++pair) {
        uint32_t b[4];
        LoadMatrices4(b, key + pair * 16 * stride + at);
        MultiplyAccumulate16x8x16<T>(scores[2 * pair], a, {b[0], b[1]});
        MultiplyAccumulate16x8x16<T>(scores[2 * pair + 1], a, {b[2], b[3]});
      }
    }
  }
}

template <typename T>
__device__ __forceinline__ uint32_t PairOf(T low, T high) {
  const T pair[2] = {low, high};
  uint32_t bits;
  memcpy(&bits, pair, sizeof(bits));
  return bits;
}

// mix += weights * values on tensor cores: values [kWarpKeys, kValues] in shared memory, all finite. A weight is two
// numbers of T, the second one what the first lacks: one alone would cost a result half of its bits.
template <int kWarpKeys, int kValues, typename T>
__device__ __forceinline__ void Mix(float (&mix)[kValues / 8][4], const float (&weights)[kWarpKeys / 8][4],
                                    const T* values) {
  constexpr int kStride = kValues + kVectorWidth<T>;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const T* const row = values + lane % 16 * kStride + lane / 16 * 8;
  METRONOME_UNROLL
  for (int keys = 0; keys < kWarpKeys / 16; ++keys) {
    uint32_t high[4], low[4];
    METRONOME_UNROLL
    for (int i = 0; i < 4; ++i) {
      const float first = weights[2 * keys + i / 2][i % 2 * 2], second = weights[2 * keys + i / 2][i % 2 * 2 + 1];
      const T first_high = FromFloat<T>(first), second_high = FromFloat<T>(second);
      high[i] = PairOf(first_high, second_high);
      low[i] = PairOf(FromFloat<T>(first - ToFloat(first_high)), FromFloat<T>(second - ToFloat(second_high)));
    }
    METRONOME_UNROLL
    for (int pair = 0; pair < kValues / 16; ++pair) {
      uint32_t b[4];
      LoadMatrices4<true>(b, row + keys * 16 * kStride + pair * 16);
      METRONOME_UNROLL
      for (int half = 0; half < 2; ++half) {
        const uint32_t columns[2] = {b[2 * half], b[2 * half + 1]};
        MultiplyAccumulate16x8x16<T>(mix[2 * pair + half], high, columns);
        MultiplyAccumulate16x8x16<T>(mix[2 * pair + half], low, columns);
      }
    }
  }
}

// The same key by key in float32: a row takes nothing of a key that it does not see, whatever that holds.
template <int kWarpKeys, int kValues, typename T>
__device__ __forceinline__ void MixVisible(float (&mix)[kValues / 8][4], const float (&weights)[kWarpKeys / 8][4],
                                           const T* values, int first_position, const Visible& visible) {
  constexpr int kStride = kValues + kVectorWidth<T>;
  const QuadLane lane;
  METRONOME_UNROLL
  for (int tile = 0; tile < kWarpKeys / 8; ++tile) {
    for (int key = 0; key < 8; ++key) {
      const bool odd = key % 2 != 0;
      // From the lane of the quad that has this key.
      const float weight[2] = {__shfl_sync(kAllLanes, odd ? weights[tile][1] : weights[tile][0], key / 2, 4),
                               __shfl_sync(kAllLanes, odd ? weights[tile][3] : weights[tile][2], key / 2, 4)};
      const int position = first_position + tile * 8 + key;
      const bool sees[2] = {visible(0, position), visible(1, position)};
      METRONOME_UNROLL
      for (int column = 0; column < kValues / 8; ++column) {
        const Pack<T, 2> value = Load<T, 2>(values + (tile * 8 + key) * kStride + column * 8 + lane.column);
        METRONOME_UNROLL
        for (int i = 0; i < 4; ++i) {
          if (sees[i / 2]) mix[column][i] += weight[i / 2] * ToFloat(value[i % 2]);
        }
      }
    }
  }
}

// Whether this thread's share of a tile [kRowCount, kColumns] in shared memory has an infinity or NaN.
template <int kThreads, int kRowCount, int kColumns, typename T>
__device__ __forceinline__ bool HasNonFinite(const T* tile) {
  constexpr int kChunk = kVectorWidth<T>, kChunks = kColumns / kChunk, kStride = kColumns + kChunk;
  bool found = false;
  for (int at = static_cast<int>(threadIdx.x); at < kRowCount * kChunks; at += kThreads) {
    const Vector<T> vector = LoadVector(tile + at / kChunks * kStride + at % kChunks * kChunk);
    METRONOME_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      const float value = ToFloat(vector[i]);
      found |= value - value != 0;
    }
  }
  return found;
}

// The running softmax of a lane's two rows. Scores are in units of log 2, so that weights are powers of two.
struct OnlineSoftmax {
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  // Of the weights in this lane's columns only.

  // Scores become weights relative to the largest score so far, which mix and sum are rescaled to.
  template <int kScoreTiles, int kMixTiles>
  __device__ __forceinline__ void Update(float (&scores)[kScoreTiles][4], float (&mix)[kMixTiles][4]) {
    METRONOME_UNROLL
    for (int row = 0; row < 2; ++row) {
      float tile_largest = -INFINITY;
      METRONOME_UNROLL
      for (int tile = 0; tile < kScoreTiles; ++tile)
        tile_largest = fmaxf(tile_largest, fmaxf(scores[tile][2 * row], scores[tile][2 * row + 1]));
      tile_largest = fmaxf(WarpReduce<4>(tile_largest, Max()), largest[row]);
      // A row that has seen nothing yet has weights 0, not exp(-infinity + infinity).
      const float base = tile_largest == -INFINITY ? 0 : tile_largest;
      const float rescale = exp2f(largest[row] - base);
      largest[row] = tile_largest;
      sum[row] *= rescale;
      METRONOME_UNROLL
      for (int tile = 0; tile < kScoreTiles; ++tile) {
        METRONOME_UNROLL
        for (int i = 2 * row; i < 2 * row + 2; ++i) {
          scores[tile][i] = exp2f(scores[tile][i] - base);
          sum[row] += scores[tile][i];
        }
      }
      // Most tiles have no larger score.
      if (!__any_sync(kAllLanes, rescale != 1)) continue;
      METRONOME_UNROLL
      for (int tile = 0; tile < kMixTiles; ++tile) {
        mix[tile][2 * row] *= rescale;
        mix[tile][2 * row + 1] *= rescale;
      }
    }
  }
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_FRAGMENTS_CUH_
