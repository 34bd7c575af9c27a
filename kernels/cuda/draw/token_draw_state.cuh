#ifndef METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_STATE_CUH_
#define METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_STATE_CUH_

#include "kernels/base/split_mix.h"
#include "kernels/cuda/draw/token_draw.h"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/interface/draw_failure.h"
#include "kernels/interface/token_arithmetic.h"

namespace metronome::kernels::cuda {

// What the launches of a draw share. Tokens rank by rising RankKey, equal ones by rising id.

using Wide = unsigned long long;  // 64 bits, as atomics take them. Weights are in FixedPoint.

inline constexpr int kDrawThreads = 256;
inline constexpr int kRadixBins = 1 << 11;      // Of the longest digit of a key.
inline constexpr int kMaxCandidates = 1 << 12;  // That one block sorts: 32 KB of shared memory.
inline constexpr int kWordBits = 32;

// The key of the smallest finite logit. What follows is that of -infinity.
inline constexpr uint32_t kLastFiniteKey = 0xff7fffffu;

// Where the blocks of a launch meet, in the workspace.
struct DrawMeeting {
  Wide best;  // The largest RankedValue.
  unsigned arrived;
  unsigned candidates;
  unsigned counts[kRadixBins];
  Wide weights[kRadixBins];
};

// What a launch leaves for the next one, in the scratch. The first launch writes all of it.
struct DrawState {
  int32_t drawn;    // Nothing is left to do.
  int32_t gathers;  // The tokens up to `limit` are few: what comes next is one block's work.
  int32_t alone;    // Two digits did not leave few.
  float largest;    // Logit.
  uint32_t bound;   // Only keys up to this may be drawn.
  uint32_t prefix;  // The leading digits, as far as they are known, of the key that is looked for.
  uint32_t limit;   // The last key of that prefix, or the bound.
  uint32_t ranked;  // Tokens before that prefix.
  Wide target;      // What is left to reach, by count or by weight, within it.
  Wide total;       // Weight of all tokens up to the bound; 0 before it is known.
  uint32_t equal;   // Tokens of lower keys are kept, and of this one the first few.
  Wide equal_kept;
};

// A block's part of the weights that may be drawn.
struct SliceSum {
  Wide below;   // Of keys below DrawState::equal.
  Wide equals;  // Number of those with that key.
};

struct DrawSpace {
  DrawMeeting* meeting;
  uint32_t* repeated;  // A bit for each token that the sequence has; in the workspace.
  DrawState* state;
  Wide* candidates;  // [kMaxCandidates].
  SliceSum* sums;    // [blocks].
};

// Neighbouring tokens, from a multiple of kWordBits.
struct Slice {
  int64_t begin;
  int64_t end;
};

// A vocabulary in slices, one for each block that works on it.
struct Slices {
  int64_t size;  // Of all but the last.
  unsigned count;
  __device__ __forceinline__ Slice At(const TokenDrawArgs& args, int64_t i) const {
    const int64_t end = (i + 1) * size;
    return {i * size, end < args.vocab ? end : args.vocab};
  }
};

// The floats of the pack at `at` after the penalty; -infinity from `end` on.
template <typename T>
__device__ __forceinline__ Pack<float, kVectorWidth<T>> LoadLogits(const TokenDrawArgs& args, const DrawSpace& space,
                                                                   int64_t at, int64_t end) {
  constexpr int N = kVectorWidth<T>;
  const T* const logits = static_cast<const T*>(args.logits) + at;
  Pack<float, N> values;
  if (at + N <= end && reinterpret_cast<uintptr_t>(logits) % kVectorBytes == 0) {
    const Vector<T> vector = LoadVector(logits);
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) values[i] = ToFloat(vector[i]);
  } else {
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) values[i] = at + i < end ? ToFloat(logits[i]) : -INFINITY;
  }
  if (args.penalty != 1 && at < end) {
    const uint32_t bits = space.repeated[at / kWordBits] >> (at % kWordBits);
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) {
      if ((bits >> i & 1) != 0) values[i] = Penalised(values[i], args.penalty);
    }
  }
  return values;
}

// function(at, values) for all packs of a slice, alike often in each thread. Those past the end are -infinity.
template <typename T, typename Function>
__device__ __forceinline__ void ForEachPack(const TokenDrawArgs& args, const DrawSpace& space, const Slice& slice,
                                            Function function) {
  constexpr int N = kVectorWidth<T>;
  METRONOME_NO_UNROLL
  for (int64_t base = slice.begin; base < slice.end; base += kDrawThreads * N) {
    const int64_t at = base + threadIdx.x * N;
    function(at, LoadLogits<T>(args, space, at, slice.end));
  }
}

// The sum of `value` over the threads before this one, and over all. All threads take part.
__device__ __forceinline__ Wide SumBefore(Wide value, Wide& total) {
  constexpr int kWarps = kDrawThreads / kWarpLanes;
  METRONOME_SHARED(Wide, warp_sums, kWarps);
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes, warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  Wide sum = value;
  METRONOME_UNROLL
  for (int offset = 1; offset < kWarpLanes; offset *= 2) {
    const Wide other = __shfl_up_sync(kAllLanes, sum, offset);
    if (lane >= offset) sum += other;
  }
  __syncthreads();  // The sums of the last call were read.
  if (lane == kWarpLanes - 1) warp_sums[warp] = sum;
  __syncthreads();
  total = 0;
  METRONOME_UNROLL
  for (int other = 0; other < kWarps; ++other) {
    if (other < warp) sum += warp_sums[other];
    total += warp_sums[other];
  }
  return sum - value;
}

// Whether this is the last block to come here: it sees what all have written, and clears their count. All threads
// take part.
__device__ __forceinline__ bool IsLastBlock(DrawMeeting& meeting, const Slices& slices) {
  METRONOME_SHARED(unsigned, before, 1);
  __threadfence();
  __syncthreads();  // All that the block wrote is out before its arrival counts.
  if (threadIdx.x == 0) {
    before[0] = atomicAdd(&meeting.arrived, 1u);
    if (before[0] == slices.count - 1) meeting.arrived = 0;
  }
  __syncthreads();
  __threadfence();  // Nothing is read from before the arrivals.
  return before[0] == slices.count - 1;
}

// Puts the token where it goes; by one thread.
__device__ __forceinline__ void Append(const TokenDrawArgs& args, int32_t token) {
  *args.token = token;
  if (*args.length < args.capacity) args.sequence[(*args.length)++] = token;
}

// What the penalty left in the workspace, by one block.
__device__ __forceinline__ void ClearRepeated(const TokenDrawArgs& args, const DrawSpace& space) {
  if (args.penalty == 1) return;
  const int64_t words = (args.vocab + kWordBits - 1) / kWordBits;
  for (int64_t word = threadIdx.x; word < words; word += kDrawThreads) space.repeated[word] = 0;
}

__device__ __forceinline__ float WeightOf(const TokenDrawArgs& args, const DrawState& state, float logit) {
  return TokenWeight(logit, state.largest, args.inverse_temperature);
}

// The weight that is left of it by min_p.
__device__ __forceinline__ Wide DrawWeight(const TokenDrawArgs& args, const DrawState& state, float logit) {
  const float weight = WeightOf(args, state, logit);
  return weight < args.min_p ? 0 : FixedPoint(weight);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_STATE_CUH_
