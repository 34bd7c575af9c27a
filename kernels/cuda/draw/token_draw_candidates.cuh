#ifndef METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_CANDIDATES_CUH_
#define METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_CANDIDATES_CUH_

#include "kernels/cuda/draw/token_draw_state.cuh"

namespace metronome::kernels::cuda {

// The end of a draw where few tokens can be drawn: they are listed, and one block sorts the list.

// Appends the tokens of a slice up to the state's limit to the candidates, in any order.
template <typename T>
__device__ __forceinline__ void Gather(const TokenDrawArgs& args, const DrawSpace& space, const Slice& slice) {
  const uint32_t limit = space.state->limit;
  const unsigned lane = threadIdx.x % kWarpLanes;
  ForEachPack<T>(args, space, slice, [&](int64_t at, const auto& values) {
    METRONOME_UNROLL
    for (int i = 0; i < kVectorWidth<T>; ++i) {
      const uint32_t key = RankKey(values[i]);
      const uint32_t takers = __ballot_sync(kAllLanes, key <= limit ? 1 : 0);
      if (takers == 0) continue;
      unsigned start = 0;
      if (lane == 0) start = atomicAdd(&space.meeting->candidates, static_cast<unsigned>(__popc(takers)));
      start = __shfl_sync(kAllLanes, start, 0);
      if (key <= limit) {
        space.candidates[start + static_cast<unsigned>(__popc(takers & ((1u << lane) - 1)))] =
            static_cast<Wide>(key) << 32 | static_cast<Wide>(at + i);
      }
    }
  });
}

// Sorts a power of two of numbers in shared memory, rising: bitonic merges. Whoever calls this may read any of them
// next.
__device__ __forceinline__ void SortRising(Wide* numbers, int count) {
  METRONOME_NO_UNROLL
  for (int size = 2; size <= count; size *= 2) {
    METRONOME_NO_UNROLL
    for (int stride = size / 2; stride > 0; stride /= 2) {
      __syncthreads();
      for (int pair = static_cast<int>(threadIdx.x); pair < count / 2; pair += kDrawThreads) {
        const int low = 2 * pair - (pair & (stride - 1)), high = low + stride;
        const Wide a = numbers[low], b = numbers[high];
        if ((a > b) == ((low & size) == 0)) {
          numbers[low] = b;
          numbers[high] = a;
        }
      }
    }
  }
  __syncthreads();
}

// Draws from the candidates, in `numbers` [kMaxCandidates]: first by rank, for top_k and top_p, then by id.
__device__ __forceinline__ void DrawFromCandidates(const TokenDrawArgs& args, const DrawSpace& space, Wide* numbers) {
  constexpr Wide kNone = ~Wide{0};
  const DrawState state = *space.state;
  const auto count = static_cast<int>(space.meeting->candidates);
  const Wide bits = SplitMix64(*args.state + kSplitMix64Step);
  int padded = 1;
  while (padded < count) padded *= 2;
  for (int i = static_cast<int>(threadIdx.x); i < padded; i += kDrawThreads)
    numbers[i] = i < count ? space.candidates[i] : kNone;
  SortRising(numbers, padded);

  // Each thread has neighbours.
  const int each = (padded + kDrawThreads - 1) / kDrawThreads, begin = static_cast<int>(threadIdx.x) * each,
            end = begin + each < padded ? begin + each : padded;
  const uint32_t last_key =
      args.top_k > 0 && args.top_k <= count ? static_cast<uint32_t>(numbers[args.top_k - 1] >> 32) : kLastFiniteKey;
  const auto weight_at = [&](int i) -> Wide {
    const auto key = static_cast<uint32_t>(numbers[i] >> 32);
    return key > last_key ? 0 : FixedPoint(WeightOf(args, state, LogitOfKey(key)));
  };
  Wide sum = 0, total;
  for (int i = begin; i < end; ++i) sum += weight_at(i);
  Wide reached = SumBefore(sum, total);
  // Where the selection by weight has begun, the candidates are not all that count.
  const Wide target = args.top_p < 1 ? TopPTarget(args.top_p, state.total != 0 ? state.total : total) : kNone;
  for (int i = begin; i < end; ++i) {
    const Wide number = numbers[i], weight = weight_at(i);
    const auto key = static_cast<uint32_t>(number >> 32);
    const bool kept = weight != 0 && reached < target && DrawWeight(args, state, LogitOfKey(key)) != 0;
    numbers[i] = kept ? number << 32 | key : kNone;
    reached += weight;
  }
  SortRising(numbers, padded);

  const auto kept_at = [&](int i) -> Wide {
    return numbers[i] == kNone ? 0 : FixedPoint(WeightOf(args, state, LogitOfKey(static_cast<uint32_t>(numbers[i]))));
  };
  sum = 0;
  for (int i = begin; i < end; ++i) sum += kept_at(i);
  reached = SumBefore(sum, total);
  const Wide chosen = UniformBelow(total, bits);
  for (int i = begin; i < end; ++i) {
    const Wide weight = kept_at(i);
    if (reached <= chosen && chosen < reached + weight) {
      Append(args, static_cast<int32_t>(numbers[i] >> 32));
      *args.state += kSplitMix64Step;
      space.state->drawn = 1;
      space.meeting->candidates = 0;
    }
    reached += weight;
  }
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_CANDIDATES_CUH_
