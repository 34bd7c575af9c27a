#ifndef METRONOME_RUNTIME_SAMPLING_SAMPLER_H_
#define METRONOME_RUNTIME_SAMPLING_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/sampling/selection.h"

namespace metronome::runtime {

// How the next token is chosen. The transforms apply in the order of the fields below, each as HuggingFace's logits
// processor of that name.
struct SamplingOptions {
  double repetition_penalty =
      1;  // [1e-30, 1e30]. Divides positive, multiplies negative logits of tokens already in the sequence; 1 = off.
  double temperature =
      0;  // >= 0. 0 = greedy: the most likely token, ties to the lowest id; the fields below are then not used.
  int64_t top_k = 0;  // >= 0. Keeps logits no smaller than the k-th largest; 0 = off.
  double top_p = 1;   // (0, 1]. Keeps the most likely tokens that together reach this probability, of equal ones those
                      // with the lowest ids; 1 = off.
  double min_p = 0;   // [0, 1]. Drops tokens less likely than this fraction of the most likely; 0 = off.
  uint64_t seed = 0;  // Equal seeds give equal tokens on every platform.

  // The next token is that of the largest logit, whatever came before.
  bool takes_most_likely() const { return temperature == 0 && repetition_penalty == 1; }
};

// InvalidArgument naming the field, its value and its range.
absl::Status ValidateSamplingOptions(const SamplingOptions& options);

// Draws tokens for one sequence. Keeps its buffers between tokens: about 5 bytes a logit, 4 more with a repetition
// penalty and up to 10 more with filters that leave many. Not thread-safe.
class Sampler {
 public:
  // InvalidArgument as ValidateSamplingOptions.
  static absl::StatusOr<Sampler> Create(const SamplingOptions& options);

  // The next token after `history` (prompt and generated ids; those outside the vocabulary are passed over), of
  // logits [vocab]. Probabilities are relative to the most likely token's and exact to 2^-23 of themselves or 2^-43.
  // Errors: Internal when a logit is NaN, all are -infinity, or one is +infinity and the choice is not greedy: the
  // model failed. InvalidArgument for more than kMaxWeights (2 Mi) logits.
  absl::StatusOr<int32_t> Next(absl::Span<const float> logits, absl::Span<const int32_t> history);

  // The same where `most_likely`, the first token of the largest of `vocab` logits (`vocab` when one is NaN), tells it
  // without them; nullopt where it does not.
  std::optional<int32_t> NextWithoutLogits(int32_t most_likely, int64_t vocab) const;

  // For tokens that are drawn elsewhere: what to draw them with, and then how many there were, so that the next one
  // here is the one that would have followed.
  const SamplingOptions& options() const { return options_; }
  uint64_t state() const { return state_; }  // Of the generator (SplitMix64).
  void Skip(int64_t tokens);

  // The probability [vocab] of each token in Next with the same logits and history, 0 for what the options remove.
  // Draws nothing. Errors as Next.
  absl::StatusOr<std::vector<double>> Distribution(absl::Span<const float> logits, absl::Span<const int32_t> history);

 private:
  explicit Sampler(const SamplingOptions& options) : options_(options), state_(options.seed) {}

  // Leaves penalised logits in `values_`, their blocks' largest in `block_largest_`, and returns the largest of all.
  absl::StatusOr<float> Prepare(absl::Span<const float> logits, absl::Span<const int32_t> history);
  // Leaves the tokens that may be drawn in `weights_` and `positions_`. `largest` is that of `values_`.
  absl::Status Weigh(float largest);
  void ApplyTopP();
  // An index of `weights_`, and the token it stands for.
  size_t Draw();
  int32_t TokenAt(size_t index) const { return whole_ ? static_cast<int32_t>(index) : positions_[index]; }

  SamplingOptions options_;
  uint64_t state_;  // Of the generator.
  Selection selection_;
  absl::Span<const float> values_;    // During a call: logits after the penalty, then those that top_k keeps.
  bool whole_ = true;                 // `values_` are the whole vocabulary, not those of `positions_`.
  std::vector<float> penalised_;      // [vocab].
  std::vector<float> block_largest_;  // [LogitBlocks(vocab)].
  std::vector<int32_t> positions_;    // [values_.size()], rising, unless whole_.
  std::vector<float> kept_;           // [values_.size()], unless whole_.
  std::vector<float> weights_;        // [values_.size()]: probabilities relative to the largest; 0 = removed.
  std::vector<uint64_t> block_sums_;  // Of `weights_`.
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_SAMPLING_SAMPLER_H_
