#include "kernels/cuda/draw/token_draw.h"
#include "kernels/cuda/draw/token_draw_candidates.cuh"
#include "kernels/cuda/draw/token_draw_digits.cuh"
#include "kernels/cuda/draw/token_draw_state.cuh"

namespace metronome::kernels::cuda {
namespace {

// A draw reads the logits once a pass. Options say which passes there are; after each, the last block to finish decides
// whether the next one gathers candidates and ends the draw. What is left then has nothing to do.
enum Pass : int {
  kSurvey,       // The largest logit, and the leading digit of the k-th largest.
  kSecondCount,  // The digits that follow.
  kThirdCount,
  kFirstWeigh,  // Those of the token that reaches top_p.
  kSecondWeigh,
  kThirdWeigh,
  kSum,  // The weights, one of which is drawn.
};

constexpr int64_t kLeastSlice = 1024;

// Up to this k two digits leave few candidates, unless thousands are equal: what follows is not worth launches.
constexpr int64_t kFewTopK = 1024;

__host__ __device__ __forceinline__ bool Takes(const TokenDrawArgs& args, int pass) {
  if (pass == kSurvey) return true;
  if (args.greedy) return false;
  if (pass == kSum) return true;
  return pass < kFirstWeigh ? args.top_k > 0 : args.top_p < 1;
}

// Nothing can be drawn: what the draw found, or what there is no room for.
__device__ __forceinline__ bool IsRefused(const TokenDrawArgs& args) {
  return *args.failure != 0 || *args.length >= args.capacity;
}

__global__ void METRONOME_BLOCK_THREADS(kDrawThreads)
    MarkRepeatedKernel(const __grid_constant__ TokenDrawArgs args, uint32_t* repeated) {
  if (IsRefused(args)) return;
  const int64_t length = *args.length;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kDrawThreads + threadIdx.x; i < length;
       i += static_cast<int64_t>(gridDim.x) * kDrawThreads) {
    const int32_t id = args.sequence[i];
    if (id >= 0 && id < args.vocab) atomicOr(&repeated[id / kWordBits], 1u << (id % kWordBits));
  }
}

// A logit and its id as one number, so that the largest is the largest logit, and of equals the first id. NaN is above
// all.
__device__ __forceinline__ Wide RankedValue(float value, int64_t id) {
  if (value != value) return ~Wide{0};
  return static_cast<Wide>(~RankKey(value)) << 32 | (0xffffffffu - static_cast<uint32_t>(id));
}

struct LargerWide {
  __device__ __forceinline__ Wide operator()(Wide a, Wide b) const { return a > b ? a : b; }
};

// What follows from the largest logit, by one thread.
__device__ __forceinline__ void BeginState(const TokenDrawArgs& args, Wide best, DrawState& state) {
  const bool nan = best == ~Wide{0};
  const float largest = nan ? 0 : LogitOfKey(~static_cast<uint32_t>(best >> 32));
  DrawFailure failure = DrawFailure::kNone;
  if (nan) {
    failure = DrawFailure::kNan;
  } else if (largest == -INFINITY) {
    failure = DrawFailure::kNoFinite;
  } else if (largest == INFINITY && !args.greedy) {
    failure = DrawFailure::kInfinite;
  }
  state = {};
  state.largest = largest;
  state.bound = kLastFiniteKey;
  state.equal = kLastFiniteKey + 1;
  if (failure == DrawFailure::kNone && !args.greedy) return;
  state.drawn = 1;
  if (failure != DrawFailure::kNone) *args.failure = static_cast<int32_t>(failure);
  Append(args, failure == DrawFailure::kNone ? static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(best)) : 0);
}

template <typename T>
__device__ __forceinline__ void Survey(const TokenDrawArgs& args, const DrawSpace& space, const Slices& slices,
                                       DigitSums sums) {
  if (IsRefused(args)) {
    if (blockIdx.x != 0 || threadIdx.x != 0) return;
    space.state->drawn = 1;
    if (*args.failure != 0) return Append(args, 0);
    *args.failure = static_cast<int32_t>(DrawFailure::kNoRoom);
    return;
  }
  const bool counts = args.top_k > 0;
  const Digit digit(0);
  Wide best = 0;
  if (counts) sums.Clear();
  ForEachPack<T>(args, space, slices.At(args, blockIdx.x), [&](int64_t at, const auto& values) {
    METRONOME_UNROLL
    for (int i = 0; i < kVectorWidth<T>; ++i) {
      best = LargerWide()(best, RankedValue(values[i], at + i));
      if (counts) sums.Add(digit.Of(RankKey(values[i])), 0);
    }
  });
  if (counts) sums.AddTo(*space.meeting);
  best = BlockReduce<kDrawThreads>(best, LargerWide(), Wide{0});
  if (threadIdx.x == 0) atomicMax(&space.meeting->best, best);
  if (!IsLastBlock(*space.meeting, slices)) return;
  if (threadIdx.x == 0) BeginState(args, atomicExch(&space.meeting->best, Wide{0}), *space.state);
  __syncthreads();
  if (counts) SelectDigit(args, space, false, 0);
  if (space.state->drawn != 0) ClearRepeated(args, space);
}

// Walks through the slice that `chosen` falls into, of which the first `equals` of the key DrawState::equal are kept.
template <typename T>
__device__ __forceinline__ void DrawFromSlice(const TokenDrawArgs& args, const DrawSpace& space, const Slice& slice,
                                              Wide equals, Wide chosen) {
  constexpr int N = kVectorWidth<T>;
  const DrawState state = *space.state;
  Wide reached = 0, equals_before = 0;
  ForEachPack<T>(args, space, slice, [&](int64_t at, const auto& values) {
    Wide weights[N], sum = 0, equal = 0, total, total_equal = 0;
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) equal += RankKey(values[i]) == state.equal ? 1 : 0;
    Wide rank = equals_before + (args.top_p < 1 ? SumBefore(equal, total_equal) : 0);
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) {
      const uint32_t key = RankKey(values[i]);
      const bool kept = key < state.equal || (key == state.equal && rank < equals);
      weights[i] = kept ? DrawWeight(args, state, values[i]) : 0;
      rank += key == state.equal ? 1 : 0;
      sum += weights[i];
    }
    Wide before = reached + SumBefore(sum, total);
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) {
      if (before <= chosen && chosen < before + weights[i]) Append(args, static_cast<int32_t>(at + i));
      before += weights[i];
    }
    reached += total;
    equals_before += total_equal;
  });
}

template <typename T>
__device__ __forceinline__ void SumAndDraw(const TokenDrawArgs& args, const DrawSpace& space, const Slices& slices) {
  METRONOME_SHARED(Wide, chosen_equals, 1);
  METRONOME_SHARED(Wide, chosen_rest, 1);
  METRONOME_SHARED(unsigned, chosen_slice, 1);
  const DrawState state = *space.state;
  Wide below = 0, equals = 0;
  ForEachPack<T>(args, space, slices.At(args, blockIdx.x), [&](int64_t, const auto& values) {
    METRONOME_UNROLL
    for (int i = 0; i < kVectorWidth<T>; ++i) {
      const uint32_t key = RankKey(values[i]);
      if (key < state.equal) below += DrawWeight(args, state, values[i]);
      equals += key == state.equal ? 1 : 0;
    }
  });
  below = BlockReduce<kDrawThreads>(below, Sum(), Wide{0});
  equals = BlockReduce<kDrawThreads>(equals, Sum(), Wide{0});
  if (threadIdx.x == 0) space.sums[blockIdx.x] = {below, equals};
  if (!IsLastBlock(*space.meeting, slices)) return;

  // A thread for each slice. Of its equals those are kept that the slices before have left.
  SliceSum own = {0, 0};
  if (threadIdx.x < slices.count) own = space.sums[threadIdx.x];
  Wide total;
  const Wide before = SumBefore(own.equals, total);
  const Wide left = before < state.equal_kept ? state.equal_kept - before : 0;
  const Wide kept = own.equals < left ? own.equals : left;
  const Wide sum = own.below + kept * DrawWeight(args, state, LogitOfKey(state.equal));
  const Wide reached = SumBefore(sum, total);
  const Wide chosen = UniformBelow(total, SplitMix64(*args.state + kSplitMix64Step));
  if (reached <= chosen && chosen < reached + sum) {
    chosen_slice[0] = threadIdx.x;
    chosen_equals[0] = kept;
    chosen_rest[0] = chosen - reached;
  }
  __syncthreads();
  DrawFromSlice<T>(args, space, slices.At(args, chosen_slice[0]), chosen_equals[0], chosen_rest[0]);
  ClearRepeated(args, space);
  if (threadIdx.x == 0) *args.state += kSplitMix64Step;
}

// Whatever the pass was to be, the draw ends with it if there are few candidates.
template <typename T>
__device__ __forceinline__ void Perform(const TokenDrawArgs& args, const DrawSpace& space, const Slices& slices,
                                        int pass, Wide* shared) {
  const DigitSums sums(reinterpret_cast<uint32_t*>(shared));
  if (pass == kSurvey) return Survey<T>(args, space, slices, sums);
  if (space.state->drawn != 0) return;
  if (space.state->gathers != 0) {
    Gather<T>(args, space, slices.At(args, blockIdx.x));
    if (!IsLastBlock(*space.meeting, slices)) return;
    DrawFromCandidates(args, space, shared);
    return ClearRepeated(args, space);
  }
  if (pass == kSum) return SumAndDraw<T>(args, space, slices);
  const bool by_weight = pass >= kFirstWeigh;
  const int place = by_weight ? pass - kFirstWeigh : pass - kSurvey;
  SumDigits<T>(args, space, slices.At(args, blockIdx.x), by_weight, place, sums);
  if (IsLastBlock(*space.meeting, slices)) SelectDigit(args, space, by_weight, place);
}

// One pass.
template <typename T>
__global__ void METRONOME_BLOCK_THREADS(kDrawThreads)
    PassKernel(const __grid_constant__ TokenDrawArgs args, DrawSpace space, Slices slices, int pass) {
  METRONOME_SHARED(Wide, shared, kMaxCandidates);
  Perform<T>(args, space, slices, pass, shared);
}

// All passes after the second: one, where that left few candidates; otherwise the first block does them by itself.
template <typename T>
__global__ void METRONOME_BLOCK_THREADS(kDrawThreads)
    RestKernel(const __grid_constant__ TokenDrawArgs args, DrawSpace space, Slices slices) {
  METRONOME_SHARED(Wide, shared, kMaxCandidates);
  if (space.state->alone == 0) return Perform<T>(args, space, slices, kSum, shared);
  if (blockIdx.x != 0) return;
  const Slices whole = {args.vocab, 1};
  METRONOME_NO_UNROLL
  for (int pass = kThirdCount; pass <= kSum; ++pass) {
    if (!Takes(args, pass)) continue;
    __syncthreads();  // What the last pass found is in the state.
    Perform<T>(args, space, whole, pass, shared);
  }
}

int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int64_t RepeatedBytes(int64_t vocab) { return RoundUp(vocab, kWordBits) / 8; }

// One block for each multiprocessor, and a thread for each of them.
Slices SlicesOf(const DeviceContext& context, int64_t vocab) {
  const int64_t blocks = context.multiprocessors < kDrawThreads ? context.multiprocessors : kDrawThreads;
  const int64_t share = RoundUp((vocab + blocks - 1) / blocks, kWordBits),
                size = share > kLeastSlice ? share : kLeastSlice;
  return {size, static_cast<unsigned>((vocab + size - 1) / size)};
}

}  // namespace

int64_t TokenDrawWorkspaceBytes(int64_t vocab) {
  return static_cast<int64_t>(sizeof(DrawMeeting)) + RepeatedBytes(vocab);
}

int64_t TokenDrawScratchBytes(int multiprocessors) {
  return static_cast<int64_t>(sizeof(DrawState)) + kMaxCandidates * static_cast<int64_t>(sizeof(Wide)) +
         multiprocessors * static_cast<int64_t>(sizeof(SliceSum));
}

void LaunchTokenDraw(const DeviceContext& context, const TokenDrawArgs& args) {
  DrawSpace space;
  space.meeting = static_cast<DrawMeeting*>(context.workspace.data);
  space.repeated = reinterpret_cast<uint32_t*>(space.meeting + 1);
  space.state = static_cast<DrawState*>(context.scratch.data);
  space.candidates = reinterpret_cast<Wide*>(space.state + 1);
  space.sums = reinterpret_cast<SliceSum*>(space.candidates + kMaxCandidates);
  if (args.penalty != 1) {
    const int64_t wanted = (args.capacity + kDrawThreads - 1) / kDrawThreads;
    const int64_t blocks = wanted < context.multiprocessors ? wanted : context.multiprocessors;
    Launch(context, MarkRepeatedKernel, {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(kDrawThreads)},
           args, space.repeated);
  }
  const Slices slices = SlicesOf(context, args.vocab);
  const LaunchShape shape = {.grid = dim3(slices.count), .block = dim3(kDrawThreads)};
  const bool few = args.top_k > 0 && args.top_k <= kFewTopK;
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int pass = kSurvey; pass <= (few ? kSecondCount : kSum); ++pass) {
      if (Takes(args, pass)) Launch(context, PassKernel<T>, shape, args, space, slices, pass);
    }
    if (few) Launch(context, RestKernel<T>, shape, args, space, slices);
  });
}

}  // namespace metronome::kernels::cuda
