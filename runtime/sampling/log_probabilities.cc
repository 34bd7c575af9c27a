#include "runtime/sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/interface/token_arithmetic.h"
#include "runtime/sampling/passes.h"
#include "runtime/sampling/selection.h"

namespace metronome::runtime {

absl::StatusOr<LogProbs> LogProbabilities(absl::Span<const float> logits, int32_t chosen, int top) {
  const auto count = static_cast<int64_t>(logits.size());
  if (top < 0 || top > kMaxTopLogProbs) {
    return absl::InvalidArgumentError(absl::StrCat("top is ", top, ", not in [0, ", kMaxTopLogProbs, "]"));
  }
  if (chosen < 0 || chosen >= count) {
    return absl::InvalidArgumentError(absl::StrCat("chosen is ", chosen, ", not in [0, ", count, ")"));
  }
  if (count > kernels::kMaxWeights) {
    return absl::InvalidArgumentError(absl::StrCat(count, " logits are more than ", kernels::kMaxWeights));
  }
  std::vector<float> block_largest(LogitBlocks(count));
  if (!FindBlockLargest(logits, absl::MakeSpan(block_largest))) return absl::InternalError("a logit is NaN");
  const float largest = *std::max_element(block_largest.begin(), block_largest.end());
  if (std::isinf(largest)) return absl::InternalError(absl::StrCat("the largest logit is ", largest));

  const double log_sum = std::log(static_cast<double>(ExpSum(logits, largest)) / kernels::kWeightOne);
  const auto log_probability = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - largest - log_sum);
  };
  LogProbs result = {.chosen = {.id = chosen, .logprob = log_probability(logits[chosen])}};
  if (top == 0) return result;

  const int64_t wanted = std::min<int64_t>(top, count);
  Selection selection;
  const float smallest = selection.KthLargest(logits, block_largest, wanted);
  // Fewer than wanted are larger than the smallest. The first of those equal to it fill the rest, however many there
  // are.
  std::vector<std::pair<float, int32_t>> ranked;  // Negated, so that pairs compare as the tokens rank.
  int64_t ties = 0;
  for (int64_t begin = 0; begin < count; begin += kLogitBlock) {
    if (block_largest[begin / kLogitBlock] < smallest) continue;
    for (int64_t i = begin; i < std::min(begin + kLogitBlock, count); ++i) {
      const float logit = logits[i];
      if (logit < smallest || logit == -std::numeric_limits<float>::infinity()) continue;
      if (logit == smallest && ++ties > wanted) continue;
      ranked.emplace_back(-logit, static_cast<int32_t>(i));
    }
  }
  std::sort(ranked.begin(), ranked.end());
  if (static_cast<int64_t>(ranked.size()) > wanted) ranked.resize(wanted);
  for (const auto& [negated, id] : ranked) result.top.push_back({.id = id, .logprob = log_probability(-negated)});
  return result;
}

}  // namespace metronome::runtime
