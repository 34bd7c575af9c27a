#ifndef METRONOME_RUNTIME_SAMPLING_LOG_PROBABILITIES_H_
#define METRONOME_RUNTIME_SAMPLING_LOG_PROBABILITIES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::runtime {

inline constexpr int kMaxTopLogProbs = 20;

struct TokenLogProb {
  int32_t id = 0;
  float logprob = 0;  // Natural logarithm of a probability; -infinity for 0.
};

struct LogProbs {
  TokenLogProb chosen;
  std::vector<TokenLogProb> top;  // By falling probability, equal ones by rising id.
};

// The log-probability of `chosen` and the `top` most likely tokens, fewer when not as many have a probability above 0,
// under log_softmax(logits); [vocab]. Given the model's raw logits that is before any penalty, temperature or filter.
// Within 1e-5 of the exact value, or of one rounding to float where that is more (beyond -128).
//
// Errors: InvalidArgument when `top` is not in [0, kMaxTopLogProbs], `chosen` is not in the vocabulary, or there are
// more than kMaxWeights (2 Mi) logits; Internal when a logit is NaN or +infinity, or all are -infinity.
absl::StatusOr<LogProbs> LogProbabilities(absl::Span<const float> logits, int32_t chosen, int top);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_SAMPLING_LOG_PROBABILITIES_H_
