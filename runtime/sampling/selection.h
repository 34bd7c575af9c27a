#ifndef METRONOME_RUNTIME_SAMPLING_SELECTION_H_
#define METRONOME_RUNTIME_SAMPLING_SELECTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace metronome::runtime {

// Finds thresholds among logits without sorting them: by a radix selection, which reads all logits once and then only
// those that share the leading bits of the threshold. Tokens rank by falling logit, equal ones by rising position; no
// logit is NaN. Keeps its buffers between calls. Not thread-safe.
class Selection {
 public:
  // The position of the first token in rank order at which the weights up to and including its own reach `target`, in
  // FixedPoint; 0 < target <= SumWeights(weights). `weights` is as long as `logits`; equal logits weigh the same.
  int64_t Crossing(absl::Span<const float> logits, absl::Span<const float> weights, uint64_t target);

  // The k-th largest logit; 0 < k <= logits.size(). `block_largest` is what FindBlockLargest gives for `logits`.
  float KthLargest(absl::Span<const float> logits, absl::Span<const float> block_largest, int64_t k);

 private:
  template <typename Weights>
  int64_t FirstReaching(absl::Span<const float> logits, const Weights& weights, uint64_t target);
  // Lists the positions of the leading digit in which the target is reached; returns the weights that rank before.
  template <typename Weights>
  uint64_t SelectLeadingDigit(absl::Span<const float> logits, const Weights& weights, uint64_t target);
  // Keeps those of the next digit, of key bits [shift, shift + bits), in which it is.
  template <typename Weights>
  uint64_t SelectDigit(absl::Span<const float> logits, const Weights& weights, uint64_t target, int shift, int bits);
  // The first digit with which the weights reach target; adds those before it to `before`.
  uint32_t DigitReaching(uint64_t target, uint64_t& before) const;

  std::vector<uint64_t> sums_;      // [copies, bins]: summed weights by the bits of one digit.
  std::vector<uint16_t> digits_;    // [logits]: leading ones.
  std::vector<int32_t> positions_;  // Of logits that share the threshold's digits so far, rising.
  std::vector<float> candidates_;
};

// Sets `positions` and `values` to the positions and the logits of all that are >= threshold, by rising position.
// `block_largest` is what FindBlockLargest gives for `logits`.
void CollectNotSmaller(absl::Span<const float> logits, absl::Span<const float> block_largest, float threshold,
                       std::vector<int32_t>& positions, std::vector<float>& values);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_SAMPLING_SELECTION_H_
