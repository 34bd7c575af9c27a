#ifndef METRONOME_RUNTIME_SAMPLING_PASSES_H_
#define METRONOME_RUNTIME_SAMPLING_PASSES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/interface/token_arithmetic.h"

namespace metronome::runtime {

// The loops that read a whole vocabulary, compiled for several vector widths with the same results in each. None
// allocates; no spans overlap.

// Logits that share one entry of a table of largest ones.
inline constexpr int64_t kLogitBlock = 128;
inline constexpr int64_t LogitBlocks(int64_t logits) { return (logits + kLogitBlock - 1) / kLogitBlock; }

// block_largest[b] = the largest of the b-th kLogitBlock logits; [LogitBlocks(logits.size())]. Returns false, with
// meaningless entries, when a logit is NaN.
bool FindBlockLargest(absl::Span<const float> logits, absl::Span<float> block_largest);

// weights[i] = e^((logits[i] - largest) * inverse_temperature). `largest` is finite and no logit is larger;
// `inverse_temperature` is finite and >= 0.
void ExpWeights(absl::Span<const float> logits, float largest, double inverse_temperature, absl::Span<float> weights);

// The sum of e^(logits[i] - largest), in FixedPoint. At most kMaxWeights logits.
uint64_t ExpSum(absl::Span<const float> logits, float largest);

// The sum of weights in [0, 1], in FixedPoint. At most kMaxWeights of them.
uint64_t SumWeights(absl::Span<const float> weights);

// fixed_point[i] = FixedPoint(weights[i]).
void ToFixedPoint(absl::Span<const float> weights, absl::Span<uint64_t> fixed_point);

// The leading digit of a RankKey.
inline constexpr int kLeadingBits = 11;
inline uint32_t LeadingDigit(float logit) { return kernels::RankKey(logit) >> (32 - kLeadingBits); }

// digits[i] = LeadingDigit(logits[i]).
void LeadingDigits(absl::Span<const float> logits, absl::Span<uint16_t> digits);

// Set the weight to 0 where the logit is smaller than `threshold` (or, for the second, not larger), and weights that
// are less than `least`.
void RemoveSmaller(absl::Span<const float> logits, float threshold, absl::Span<float> weights);
void RemoveNotLarger(absl::Span<const float> logits, float threshold, absl::Span<float> weights);
void RemoveLighter(float least, absl::Span<float> weights);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_SAMPLING_PASSES_H_
