#ifndef METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_DIGITS_CUH_
#define METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_DIGITS_CUH_

#include "kernels/cuda/draw/token_draw_state.cuh"

namespace metronome::kernels::cuda {

// A radix selection: finds the token at which counts, or weights, in rank order reach a target, a digit of its key at a
// time. Each digit takes one launch over all logits.

// The digits of a key, leading one first.
struct Digit {
  int shift;
  int bits;
  __device__ __forceinline__ explicit Digit(int place)
      : shift(place == 0   ? 21
              : place == 1 ? 10
                           : 0),
        bits(place == 2 ? 10 : 11) {}
  __device__ __forceinline__ int Of(uint32_t key) const { return static_cast<int>(key >> shift & ((1u << bits) - 1)); }
  // Whether the digits before this one are those of the prefix.
  __device__ __forceinline__ bool Follows(uint32_t prefix, uint32_t key) const {
    return shift + bits == 32 || key >> (shift + bits) == prefix;
  }
};

// Counts and weights by digit, in shared memory. Weights are two words, since shared memory adds words fastest.
struct DigitSums {
  uint32_t* counts;
  uint32_t* low;
  uint32_t* high;

  static constexpr int kWords = 3 * kRadixBins;
  __device__ __forceinline__ explicit DigitSums(uint32_t* words)
      : counts(words), low(words + kRadixBins), high(words + 2 * kRadixBins) {}

  __device__ __forceinline__ void Clear() {
    for (int i = static_cast<int>(threadIdx.x); i < kWords; i += kDrawThreads) counts[i] = 0;
    __syncthreads();
  }

  // Adds a token; none if the digit is negative. All lanes of a warp take part: where all have the same digit, as in a
  // flat distribution, one adds for them instead of all waiting for each other.
  __device__ __forceinline__ void Add(int digit, Wide weight) {
    const int first = __shfl_sync(kAllLanes, digit, 0);
    unsigned count = 1;
    if (__all_sync(kAllLanes, digit == first ? 1 : 0) != 0) {
      if (first < 0) return;
      weight = WarpReduce(weight, Sum());
      count = kWarpLanes;
      if (threadIdx.x % kWarpLanes != 0) return;
    }
    if (digit < 0) return;
    atomicAdd(&counts[digit], count);
    const auto word = static_cast<uint32_t>(weight);
    if (weight == 0) return;
    const uint32_t carry = atomicAdd(&low[digit], word) > 0xffffffffu - word ? 1 : 0;
    const uint32_t upper = static_cast<uint32_t>(weight >> 32) + carry;
    if (upper != 0) atomicAdd(&high[digit], upper);
  }

  // To those of all blocks.
  __device__ __forceinline__ void AddTo(DrawMeeting& meeting) const {
    __syncthreads();  // All of the block are in.
    for (int digit = static_cast<int>(threadIdx.x); digit < kRadixBins; digit += kDrawThreads) {
      if (counts[digit] == 0) continue;
      atomicAdd(&meeting.counts[digit], counts[digit]);
      const Wide weight = static_cast<Wide>(high[digit]) << 32 | low[digit];
      if (weight != 0) atomicAdd(&meeting.weights[digit], weight);
    }
  }
};

// Sums up the digit at `place` of the tokens that may be the one looked for: for top_p by weight, else by count.
template <typename T>
__device__ __forceinline__ void SumDigits(const TokenDrawArgs& args, const DrawSpace& space, const Slice& slice,
                                          bool by_weight, int place, DigitSums sums) {
  const DrawState state = *space.state;
  const Digit digit(place);
  sums.Clear();
  ForEachPack<T>(args, space, slice, [&](int64_t, const auto& values) {
    METRONOME_UNROLL
    for (int i = 0; i < kVectorWidth<T>; ++i) {
      const uint32_t key = RankKey(values[i]);
      const bool counts = digit.Follows(state.prefix, key) && (!by_weight || key <= state.bound);
      const Wide weight = counts && by_weight ? FixedPoint(WeightOf(args, state, values[i])) : 0;
      sums.Add(counts ? digit.Of(key) : -1, weight);
    }
  });
  sums.AddTo(*space.meeting);
}

// What is known once the digit at `place` is: of the state before, and of what ranks before that digit.
__device__ __forceinline__ void Narrow(const TokenDrawArgs& args, DrawState& state, bool by_weight, int place,
                                       uint32_t value, uint32_t before, uint32_t count, Wide target) {
  const Digit digit(place);
  const uint32_t ranked = (place == 0 ? 0 : state.ranked) + before;
  const uint32_t prefix = (place == 0 ? 0 : state.prefix << digit.bits) | value;
  const uint32_t last = (prefix << digit.shift) | ((1u << digit.shift) - 1);
  state.target = target;
  state.ranked = ranked;
  state.prefix = prefix;
  state.limit = last < state.bound ? last : state.bound;
  state.gathers = ranked + count <= kMaxCandidates ? 1 : 0;
  if (place == 1 && !by_weight) state.alone = 1 - state.gathers;
  if (place != 2) return;
  if (by_weight) {
    // Equal logits weigh the same, and not 0, or the target would have been reached before.
    state.equal = prefix;
    state.equal_kept = (target - 1) / FixedPoint(WeightOf(args, state, LogitOfKey(prefix))) + 1;
  } else {
    state.bound = state.limit;
    state.equal = state.bound + 1;
  }
}

// Finds the digit at `place` from what all blocks have summed up, and clears that. By one block.
__device__ __forceinline__ void SelectDigit(const TokenDrawArgs& args, const DrawSpace& space, bool by_weight,
                                            int place) {
  constexpr int kEach = kRadixBins / kDrawThreads;
  const int first = static_cast<int>(threadIdx.x) * kEach;
  const DrawState state = *space.state;
  unsigned counts[kEach];
  Wide weights[kEach], count = 0, weight = 0;
  METRONOME_UNROLL
  for (int i = 0; i < kEach; ++i) {
    counts[i] = atomicExch(&space.meeting->counts[first + i], 0u);
    weights[i] = by_weight ? atomicExch(&space.meeting->weights[first + i], Wide{0}) : counts[i];
    count += counts[i];
    weight += weights[i];
  }
  Wide all_counts, total;
  Wide ranked = SumBefore(count, all_counts), reached = SumBefore(weight, total);
  Wide target = state.target;
  if (place == 0) target = by_weight ? TopPTarget(args.top_p, total) : static_cast<Wide>(args.top_k);
  if (reached >= target || reached + weight < target) return;
  // One thread is left.
  if (place == 0 && by_weight) space.state->total = total;
  METRONOME_UNROLL
  for (int i = 0; i < kEach; ++i) {
    if (reached < target && reached + weights[i] >= target) {
      Narrow(args, *space.state, by_weight, place, static_cast<uint32_t>(first + i), static_cast<uint32_t>(ranked),
             counts[i], target - reached);
      return;
    }
    ranked += counts[i];
    reached += weights[i];
  }
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_DIGITS_CUH_
