#ifndef METRONOME_KERNELS_CPU_VECTOR_BFLOAT_ATTENTION_H_
#define METRONOME_KERNELS_CPU_VECTOR_BFLOAT_ATTENTION_H_

#include <cstdint>

// Included by code compiled for instructions that the machine may lack: see vector_kernels.h.

namespace metronome::kernels::cpu {

// The cache that lines which are read later are brought to meanwhile.
enum class FetchLevel : uint8_t { kNone, kFirst, kSecond };

// The query heads of one row that share a key head.
struct HeadGroup {
  int64_t heads, d, dv;
  float scale;  // Of the scores.
};

// Positions of one key head, all visible.
struct CacheBlock {
  const void* keys;    // Rows of d, `key_stride` elements apart.
  const void* values;  // Rows of dv, `value_stride` apart.
  int64_t key_stride, value_stride, count;
};

// Lines to ask for while a block is taken in, one for each that it reads; moved on past those that were.
struct LineFetch {
  const char* keys;
  const char* values;
  FetchLevel level;
};

// Attention of one row over bfloat16 keys and values, multiplied as they are where that is exact: probabilities stay
// float32. Subnormal keys and queries count as 0. What is known so far lives in a state of floats, 64-byte aligned.
// Other functions serve sizes that are no multiple of kBFloatAttentionMultiple.
constexpr int64_t kBFloatAttentionMultiple = 32;
struct BFloatAttention {
  int64_t (*state_size)(const HeadGroup& group);
  int64_t (*work_size)(const HeadGroup& group, int64_t count);  // Floats that `take` needs for a block.
  // No positions yet; `queries` is [heads, d].
  void (*begin)(const HeadGroup& group, const void* queries, float* state);
  void (*take)(const HeadGroup& group, const CacheBlock& block, LineFetch& fetch, float* work, float* state);
  // For each head: the largest score, the sum of exp(score - largest) and so weighted the sum of values [heads, dv].
  void (*finish)(const HeadGroup& group, const float* state, float* maximum, float* sum, float* mix);
};

#if defined(__x86_64__)
extern const BFloatAttention kBFloatAttention;  // AVX-512 with BF16.
#endif

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_VECTOR_BFLOAT_ATTENTION_H_
