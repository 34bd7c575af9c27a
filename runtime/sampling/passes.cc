#include "runtime/sampling/passes.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/base/vector_widths.h"
#include "kernels/interface/token_arithmetic.h"

// Results do not differ by the width of vectors: every element goes through the same rounded operations, nothing is
// contracted into fused ones, and only integers are reduced.
namespace metronome::runtime {
namespace {

constexpr int32_t kAllButSign = 0x7fffffff;
constexpr int32_t kInfinityBits = 0x7f800000;

// Orders floats as integers do, -0 just below 0; its own inverse. Maxima of integers vectorise, those of floats do not
// without leave to ignore NaN.
inline int32_t OrderedBits(int32_t bits) { return bits ^ ((bits >> 31) & kAllButSign); }

METRONOME_VECTOR_WIDTHS
bool BlockLargest(const float* logits, int64_t count, float* block_largest) {
  int32_t magnitude = 0;
  for (int64_t begin = 0; begin < count; begin += kLogitBlock) {
    const int64_t end = begin + kLogitBlock < count ? begin + kLogitBlock : count;
    int32_t largest = std::numeric_limits<int32_t>::min();
    for (int64_t i = begin; i < end; ++i) {
      const int32_t bits = std::bit_cast<int32_t>(logits[i]);
      const int32_t ordered = OrderedBits(bits), absolute = bits & kAllButSign;
      largest = ordered > largest ? ordered : largest;
      magnitude = absolute > magnitude ? absolute : magnitude;
    }
    block_largest[begin / kLogitBlock] = std::bit_cast<float>(OrderedBits(largest));
  }
  return magnitude <= kInfinityBits;
}

METRONOME_VECTOR_WIDTHS
void Weigh(const float* logits, int64_t count, double largest, double inverse_temperature, float* weights) {
  for (int64_t i = 0; i < count; ++i) weights[i] = kernels::TokenWeight(logits[i], largest, inverse_temperature);
}

METRONOME_VECTOR_WIDTHS
uint64_t SumExp(const float* logits, int64_t count, float largest) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += kernels::FixedPoint(kernels::ExpOfNonPositive(logits[i] - largest));
  return sum;
}

METRONOME_VECTOR_WIDTHS
uint64_t SumFixedPoint(const float* weights, int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += kernels::FixedPoint(weights[i]);
  return sum;
}

METRONOME_VECTOR_WIDTHS
void FixEach(const float* weights, int64_t count, uint64_t* fixed_point) {
  for (int64_t i = 0; i < count; ++i) fixed_point[i] = kernels::FixedPoint(weights[i]);
}

METRONOME_VECTOR_WIDTHS
void LeadEach(const float* logits, int64_t count, uint16_t* digits) {
  for (int64_t i = 0; i < count; ++i) digits[i] = static_cast<uint16_t>(LeadingDigit(logits[i]));
}

METRONOME_VECTOR_WIDTHS
void ZeroWhereSmaller(const float* values, int64_t count, float threshold, float* weights) {
  for (int64_t i = 0; i < count; ++i) weights[i] = values[i] >= threshold ? weights[i] : 0.0f;
}

METRONOME_VECTOR_WIDTHS
void ZeroWhereNotLarger(const float* values, int64_t count, float threshold, float* weights) {
  for (int64_t i = 0; i < count; ++i) weights[i] = values[i] > threshold ? weights[i] : 0.0f;
}

METRONOME_VECTOR_WIDTHS
void ZeroWhereLighter(float least, int64_t count, float* weights) {
  for (int64_t i = 0; i < count; ++i) weights[i] = weights[i] >= least ? weights[i] : 0.0f;
}

int64_t Count(absl::Span<const float> values) { return static_cast<int64_t>(values.size()); }

}  // namespace

bool FindBlockLargest(absl::Span<const float> logits, absl::Span<float> block_largest) {
  return BlockLargest(logits.data(), Count(logits), block_largest.data());
}

void ExpWeights(absl::Span<const float> logits, float largest, double inverse_temperature, absl::Span<float> weights) {
  Weigh(logits.data(), Count(logits), largest, inverse_temperature, weights.data());
}

uint64_t ExpSum(absl::Span<const float> logits, float largest) { return SumExp(logits.data(), Count(logits), largest); }

uint64_t SumWeights(absl::Span<const float> weights) { return SumFixedPoint(weights.data(), Count(weights)); }

void ToFixedPoint(absl::Span<const float> weights, absl::Span<uint64_t> fixed_point) {
  FixEach(weights.data(), Count(weights), fixed_point.data());
}

void LeadingDigits(absl::Span<const float> logits, absl::Span<uint16_t> digits) {
  LeadEach(logits.data(), Count(logits), digits.data());
}

void RemoveSmaller(absl::Span<const float> logits, float threshold, absl::Span<float> weights) {
  ZeroWhereSmaller(logits.data(), Count(logits), threshold, weights.data());
}

void RemoveNotLarger(absl::Span<const float> logits, float threshold, absl::Span<float> weights) {
  ZeroWhereNotLarger(logits.data(), Count(logits), threshold, weights.data());
}

void RemoveLighter(float least, absl::Span<float> weights) { ZeroWhereLighter(least, Count(weights), weights.data()); }

}  // namespace metronome::runtime
