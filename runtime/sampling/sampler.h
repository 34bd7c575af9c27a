#ifndef METRONOME_RUNTIME_SAMPLING_SAMPLER_H_
#define METRONOME_RUNTIME_SAMPLING_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome {

// How the next token is chosen. The transforms apply in the order of the fields below, each as HuggingFace's logits
// processor of that name.
struct SamplingOptions {
  double repetition_penalty =
      1;  // > 0. Divides positive and multiplies negative logits of tokens already in the sequence; 1 = off.
  double temperature =
      0;  // >= 0. 0 = greedy: the most likely token, ties to the lowest id; the fields below are then not used.
  int64_t top_k = 0;  // >= 0. Keeps logits no smaller than the k-th largest; 0 = off.
  double top_p = 1;   // (0, 1]. Keeps the most likely tokens that together reach this probability; 1 = off.
  double min_p = 0;   // [0, 1]. Drops tokens less likely than this fraction of the most likely; 0 = off.
  uint64_t seed = 0;  // Equal seeds give equal tokens on every platform.
};

// InvalidArgument naming the field, its value and its range.
absl::Status ValidateSamplingOptions(const SamplingOptions& options);

// In-place transforms of logits [vocab]; removed tokens become -infinity.
void ApplyRepetitionPenalty(absl::Span<float> logits, absl::Span<const int32_t> history, double penalty);
void ApplyTopK(absl::Span<float> logits, int64_t k);
void ApplyTopP(absl::Span<float> logits, double p);
void ApplyMinP(absl::Span<float> logits, double p);

// Draws tokens for one sequence. Not thread-safe.
class Sampler {
 public:
  // InvalidArgument as ValidateSamplingOptions.
  static absl::StatusOr<Sampler> Create(const SamplingOptions& options);

  // The next token after `history` (prompt and generated ids). Internal when a logit is NaN, all are -infinity, or one
  // is +infinity and the choice is not greedy: the model failed.
  // `most_likely`, if given, is the first token of the largest logit, or logits.size() when one is NaN; it saves a
  // greedy choice the search.
  absl::StatusOr<int32_t> Next(absl::Span<const float> logits, absl::Span<const int32_t> history,
                               std::optional<int32_t> most_likely = std::nullopt);

 private:
  explicit Sampler(const SamplingOptions& options) : options_(options), state_(options.seed) {}
  double Uniform();  // [0, 1).

  SamplingOptions options_;
  uint64_t state_;
  std::vector<float> work_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_SAMPLING_SAMPLER_H_
