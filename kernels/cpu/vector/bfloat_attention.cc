// Compiled for AVX-512 F, BW, DQ, VL and BF16.
//
// A vector has 16 lanes of two bfloat16 each, and G query heads (padded to a power of two) share it: each has S = 16 /
// G neighbouring lanes, which meet S pairs of a key, read once and repeated for every head. After d / (2 S) products
// the lanes of a head add up to its score; S positions are reduced together, so that one addition reduces all heads and
// scores lie as [positions / S, heads, S]. Softmax works on whole vectors of them whatever G is.
#include "kernels/cpu/vector/bfloat_attention.h"

#include <immintrin.h>

#include <cstring>

namespace metronome::kernels::cpu {
namespace {

constexpr int kLanes = 16;
constexpr int kLineElements = 32;
constexpr int kRows = 8;       // Positions whose scores are summed at once: each query vector is read for eight keys.
constexpr int kMostHeads = 8;  // Of one pass over a block.
constexpr float kLog2OfE = 1.44269504088896341f, kLogOf2 = 0.693147180559945309f;

__m512bh Cast(__m512i bits) { return reinterpret_cast<__m512bh>(bits); }

constexpr int LanesOf(int heads) { return heads == 1 ? 16 : heads == 2 ? 8 : heads <= 4 ? 4 : 2; }

template <FetchLevel kLevel>
inline void Fetch(const char*& next) {
  if constexpr (kLevel == FetchLevel::kFirst) _mm_prefetch(next, _MM_HINT_T0);
  if constexpr (kLevel == FetchLevel::kSecond) _mm_prefetch(next, _MM_HINT_T1);
  if constexpr (kLevel != FetchLevel::kNone) next += 2 * kLineElements;
}

// S pairs, repeated over the vector.
template <int S>
inline __m512bh Repeat(const uint16_t* pairs) {
  if constexpr (S == 16) return Cast(_mm512_loadu_si512(pairs));
  if constexpr (S == 8)
    return Cast(_mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs))));
  if constexpr (S == 4) return Cast(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pairs))));
  if constexpr (S == 2) {
    int64_t both;
    std::memcpy(&both, pairs, sizeof(both));
    return Cast(_mm512_set1_epi64(both));
  }
}

// Exchanges neighbouring groups of D lanes.
template <int D>
inline __m512 Swap(__m512 v) {
  if constexpr (D == 1) return _mm512_permute_ps(v, 0xb1);
  if constexpr (D == 2) return _mm512_permute_ps(v, 0x4e);
  if constexpr (D == 4) return _mm512_shuffle_f32x4(v, v, 0xb1);
  if constexpr (D == 8) return _mm512_shuffle_f32x4(v, v, 0x4e);
}

// Lanes [h * S, h * S + S) of v[r] summed to lane h * S + r, for S vectors.
template <int S, int D = 1>
inline __m512 SumGroups(const __m512* v) {
  if constexpr (D == S) {
    return v[0];
  } else {
    constexpr __mmask16 kOdd = D == 1 ? 0xaaaa : D == 2 ? 0xcccc : D == 4 ? 0xf0f0 : 0xff00;
    __m512 halves[S / D / 2];
#pragma GCC unroll 8
    for (int i = 0; i < S / D / 2; ++i) {
      const __m512 a = v[2 * i], b = v[2 * i + 1];
      halves[i] = _mm512_add_ps(_mm512_mask_blend_ps(kOdd, a, b), Swap<D>(_mm512_mask_blend_ps(kOdd, b, a)));
    }
    return SumGroups<S, 2 * D>(halves);
  }
}

template <int S>
inline __m512 LargestOfGroups(__m512 v) {
  v = _mm512_max_ps(v, Swap<1>(v));
  if constexpr (S > 2) v = _mm512_max_ps(v, Swap<2>(v));
  if constexpr (S > 4) v = _mm512_max_ps(v, Swap<4>(v));
  if constexpr (S > 8) v = _mm512_max_ps(v, Swap<8>(v));
  return v;
}

// 2^x for x <= 0; NaN stays NaN. The polynomial approximates 2^r for |r| <= 1/2 within a unit in the last place.
inline __m512 Exp2(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-160.0f), x);  // Of a NaN the second operand.
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(1.533757750e-04f);
  constexpr float kCoefficients[] = {1.339985989e-03f, 9.618519805e-03f, 5.550329015e-02f,
                                     2.402264625e-01f, 6.931471825e-01f, 1.0f};
#pragma GCC unroll 8
  for (const float c : kCoefficients) p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  return _mm512_scalef_ps(p, n);
}

// What one pass knows of its heads: queries as their lanes meet the keys, the largest score and the sum of each head
// (in every lane of the head, the sum in parts) and the mix [heads, dv], of which each 32 columns lie as 16 even and 16
// odd ones. Scores are in units of log 2.
struct State {
  float *queries, *maximum, *sum, *mix;
};

int64_t SizeOfQueries(int64_t heads, int64_t d) { return d / 2 * (kLanes / LanesOf(static_cast<int>(heads))); }

int64_t SizeOfState(int64_t heads, int64_t d, int64_t dv) { return SizeOfQueries(heads, d) + 2 * kLanes + heads * dv; }

State StateIn(float* memory, int64_t heads, int64_t d) {
  float* const maximum = memory + SizeOfQueries(heads, d);
  return {.queries = memory, .maximum = maximum, .sum = maximum + kLanes, .mix = maximum + 2 * kLanes};
}

// Calls function(first head, heads) for passes of even size.
template <typename Function>
void ForPasses(int64_t heads, Function&& function) {
  const int64_t passes = (heads + kMostHeads - 1) / kMostHeads;
  for (int64_t pass = 0, first = 0; pass < passes; ++pass) {
    const int64_t size = heads / passes + (pass < heads % passes ? 1 : 0);
    function(first, size);
    first += size;
  }
}

// Adds products of eight keys to `sums`. The rows past `valid` stand for others: their sums mean nothing.
template <int S, FetchLevel kLevel, bool kWhole>
inline void MultiplyKeys(const uint16_t* queries, int64_t d, const uint16_t* keys, int64_t stride, int64_t valid,
                         __m512* sums, const char*& next) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_ps();
  for (int64_t j = 0; j < d; j += 2 * S) {
    const __m512bh query = Cast(_mm512_loadu_si512(queries + j * (kLanes / S)));
#pragma GCC unroll 8
    for (int line = 0; line < kRows * 2 * S / kLineElements; ++line) Fetch<kLevel>(next);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const int64_t row = kWhole || r < valid ? r : 0;
      sums[r] = _mm512_dpbf16_ps(sums[r], query, Repeat<S>(keys + row * stride + j));
    }
  }
}

// Scores of `count` positions; those that fill up the last vector are -infinity.
template <int S, FetchLevel kLevel>
void Score(const State& state, const HeadGroup& group, const CacheBlock& block, const char*& next, float* scores) {
  constexpr int kStep = S > kRows ? S : kRows;
  const auto* const queries = reinterpret_cast<const uint16_t*>(state.queries);
  const auto* const keys = static_cast<const uint16_t*>(block.keys);
  const __m512 scale = _mm512_set1_ps(group.scale * kLog2OfE);
  for (int64_t at = 0; at < block.count; at += kStep) {
    __m512 sums[kStep];
#pragma GCC unroll 2
    for (int half = 0; half < kStep; half += kRows) {
      const int64_t first = at + half, valid = block.count - first;
      const uint16_t* const from = keys + (valid > 0 ? first : at) * block.key_stride;
      if (valid >= kRows) {
        MultiplyKeys<S, kLevel, true>(queries, group.d, from, block.key_stride, kRows, sums + half, next);
      } else {
        MultiplyKeys<S, kLevel, false>(queries, group.d, from, block.key_stride, valid, sums + half, next);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kStep; i += S) {
      __m512 vector = _mm512_mul_ps(SumGroups<S>(sums + i), scale);
      const int64_t valid = block.count - at - i;
      if (valid <= 0) return;
      if (valid < S) {
        // A head's first `valid` lanes, the same for every head.
        const uint32_t lanes = (0xffffu / ((1u << S) - 1u)) * ((1u << valid) - 1u);
        vector = _mm512_mask_blend_ps(static_cast<__mmask16>(lanes), _mm512_set1_ps(-__builtin_inff()), vector);
      }
      _mm512_storeu_ps(scores + (at + i) * (kLanes / S), vector);
    }
  }
}

// Turns scores into weights. Where a larger score is met, what was summed and mixed before shrinks.
template <int S, int M>
void Weigh(const State& state, int64_t dv, int64_t vectors, float* scores) {
  __m512 largest = _mm512_loadu_ps(state.maximum), sum = _mm512_loadu_ps(state.sum);
  __m512 most = largest;
  for (int64_t i = 0; i < vectors; ++i) most = _mm512_max_ps(_mm512_loadu_ps(scores + i * kLanes), most);
  if (_mm512_cmp_ps_mask(most, largest, _CMP_GT_OQ) != 0) {
    most = LargestOfGroups<S>(most);
    const __m512 shrink = Exp2(_mm512_sub_ps(largest, most));
    sum = _mm512_mul_ps(sum, shrink);
    largest = most;
    _mm512_storeu_ps(state.maximum, largest);
    float factors[kLanes];
    _mm512_storeu_ps(factors, shrink);
    for (int head = 0; head < M; ++head) {
      const __m512 factor = _mm512_set1_ps(factors[head * S]);
      float* const mix = state.mix + head * dv;
      for (int64_t j = 0; j < dv; j += kLanes)
        _mm512_storeu_ps(mix + j, _mm512_mul_ps(_mm512_loadu_ps(mix + j), factor));
    }
  }
  for (int64_t i = 0; i < vectors; ++i) {
    const __m512 weights = Exp2(_mm512_sub_ps(_mm512_loadu_ps(scores + i * kLanes), largest));
    sum = _mm512_add_ps(sum, weights);
    _mm512_storeu_ps(scores + i * kLanes, weights);
  }
  _mm512_storeu_ps(state.sum, sum);
}

// Adds weighted values to L lines of columns of M heads, whose 2 * L * M sums stay in registers.
template <int S, int M, int L, FetchLevel kLevel>
void MixLines(const float* weights, const uint16_t* values, const CacheBlock& block, int64_t dv, float* mix,
              const char*& next) {
  const __m512i odd = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  __m512 sums[M][2 * L];
#pragma GCC unroll 8
  for (int head = 0; head < M; ++head) {
#pragma GCC unroll 8
    for (int i = 0; i < 2 * L; ++i) sums[head][i] = _mm512_loadu_ps(mix + head * dv + i * kLanes);
  }
  for (int64_t at = 0; at < block.count; at += S, weights += kLanes) {
    const int64_t rows = block.count - at < S ? block.count - at : S;
    for (int64_t r = 0; r < rows; ++r, values += block.value_stride) {
      __m512 columns[2 * L];
#pragma GCC unroll 8
      for (int line = 0; line < L; ++line) {
        Fetch<kLevel>(next);
        const __m512i pairs = _mm512_loadu_si512(values + line * kLineElements);
        columns[2 * line] = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
        columns[2 * line + 1] = _mm512_castsi512_ps(_mm512_and_si512(pairs, odd));
      }
#pragma GCC unroll 8
      for (int head = 0; head < M; ++head) {
        const __m512 weight = _mm512_set1_ps(weights[head * S + r]);
#pragma GCC unroll 8
        for (int i = 0; i < 2 * L; ++i) sums[head][i] = _mm512_fmadd_ps(weight, columns[i], sums[head][i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int head = 0; head < M; ++head) {
#pragma GCC unroll 8
    for (int i = 0; i < 2 * L; ++i) _mm512_storeu_ps(mix + head * dv + i * kLanes, sums[head][i]);
  }
}

template <int S, int M, FetchLevel kLevel>
void Mix(const float* weights, const CacheBlock& block, int64_t dv, float* mix, const char*& next) {
  if constexpr (M > 6) {  // The sums of two lines need more registers than there are.
    Mix<S, 4, kLevel>(weights, block, dv, mix, next);
    Mix<S, M - 4, FetchLevel::kNone>(weights + 4 * S, block, dv, mix + 4 * dv, next);
  } else {
    const auto* const values = static_cast<const uint16_t*>(block.values);
    int64_t j = 0;
    if constexpr (M <= 3) {
      for (; j + 4 * kLineElements <= dv; j += 4 * kLineElements)
        MixLines<S, M, 4, kLevel>(weights, values + j, block, dv, mix + j, next);
    }
    for (; j + 2 * kLineElements <= dv; j += 2 * kLineElements)
      MixLines<S, M, 2, kLevel>(weights, values + j, block, dv, mix + j, next);
    for (; j < dv; j += kLineElements) MixLines<S, M, 1, kLevel>(weights, values + j, block, dv, mix + j, next);
  }
}

template <int M, FetchLevel kLevel>
void TakePass(const HeadGroup& group, const CacheBlock& block, LineFetch& fetch, float* work, float* memory) {
  constexpr int S = LanesOf(M);
  const State state = StateIn(memory, M, group.d);
  Score<S, kLevel>(state, group, block, fetch.keys, work);
  Weigh<S, M>(state, group.dv, (block.count + S - 1) / S, work);
  Mix<S, M, kLevel>(work, block, group.dv, state.mix, fetch.values);
}

using Pass = void (*)(const HeadGroup&, const CacheBlock&, LineFetch&, float*, float*);

template <FetchLevel kLevel>
Pass PassOf(int64_t heads) {
  constexpr Pass kPasses[] = {TakePass<1, kLevel>, TakePass<2, kLevel>, TakePass<3, kLevel>, TakePass<4, kLevel>,
                              TakePass<5, kLevel>, TakePass<6, kLevel>, TakePass<7, kLevel>, TakePass<8, kLevel>};
  return kPasses[heads - 1];
}

void Take(const HeadGroup& group, const CacheBlock& block, LineFetch& fetch, float* work, float* memory) {
  ForPasses(group.heads, [&](int64_t first, int64_t heads) {
    // What a later pass reads was brought for the first.
    const FetchLevel level = first == 0 ? fetch.level : FetchLevel::kNone;
    const Pass pass = level == FetchLevel::kFirst    ? PassOf<FetchLevel::kFirst>(heads)
                      : level == FetchLevel::kSecond ? PassOf<FetchLevel::kSecond>(heads)
                                                     : PassOf<FetchLevel::kNone>(heads);
    pass(group, block, fetch, work, memory);
    memory += SizeOfState(heads, group.d, group.dv);
  });
}

int64_t StateSize(const HeadGroup& group) {
  int64_t size = 0;
  ForPasses(group.heads, [&](int64_t, int64_t heads) { size += SizeOfState(heads, group.d, group.dv); });
  return size;
}

int64_t WorkSize(const HeadGroup&, int64_t count) { return (count + kLanes - 1) / kLanes * kLanes * kMostHeads; }

void Begin(const HeadGroup& group, const void* queries, float* memory) {
  ForPasses(group.heads, [&](int64_t first, int64_t heads) {
    const State state = StateIn(memory, heads, group.d);
    const int64_t lanes = LanesOf(static_cast<int>(heads));
    const int64_t size = SizeOfState(heads, group.d, group.dv);
    std::memset(memory, 0, static_cast<size_t>(size) * sizeof(float));
    for (int i = 0; i < kLanes; ++i) state.maximum[i] = -__builtin_inff();
    const auto* const from = static_cast<const float*>(queries);  // Pairs.
    for (int64_t head = 0; head < heads; ++head) {
      for (int64_t pair = 0; pair < group.d / 2; ++pair) {
        std::memcpy(state.queries + pair / lanes * kLanes + head * lanes + pair % lanes,
                    from + (first + head) * (group.d / 2) + pair, sizeof(float));
      }
    }
    memory += size;
  });
}

void Finish(const HeadGroup& group, const float* memory, float* maximum, float* sum, float* mix) {
  ForPasses(group.heads, [&](int64_t first, int64_t heads) {
    const State state = StateIn(const_cast<float*>(memory), heads, group.d);
    const int64_t lanes = LanesOf(static_cast<int>(heads));
    for (int64_t head = 0; head < heads; ++head) {
      maximum[first + head] = state.maximum[head * lanes] * kLogOf2;
      float total = 0;
      for (int64_t lane = 0; lane < lanes; ++lane) total += state.sum[head * lanes + lane];
      sum[first + head] = total;
      for (int64_t j = 0; j < group.dv; ++j) {
        const int64_t line = j / kLineElements * kLineElements, column = j % kLineElements;
        mix[(first + head) * group.dv + j] = state.mix[head * group.dv + line + column % 2 * kLanes + column / 2];
      }
    }
    memory += SizeOfState(heads, group.d, group.dv);
  });
}

}  // namespace

const BFloatAttention kBFloatAttention = {
    .state_size = StateSize, .work_size = WorkSize, .begin = Begin, .take = Take, .finish = Finish};

}  // namespace metronome::kernels::cpu
