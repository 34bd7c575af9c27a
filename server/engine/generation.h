#ifndef METRONOME_SERVER_ENGINE_GENERATION_H_
#define METRONOME_SERVER_ENGINE_GENERATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/clock.h"
#include "kernels/base/hash.h"
#include "runtime/engine/session.h"
#include "runtime/sampling/log_probabilities.h"
#include "runtime/sampling/sampler.h"
#include "runtime/text/tokenizer/tokenizer.h"
#include "server/model/loaded_model.h"
#include "server/rpc/budget.h"

namespace metronome::server {

struct GeneratedToken {
  int32_t id = 0;
  std::string text;       // What it adds to the text; empty without a tokenizer.
  int64_t position = 0;   // Index in the sequence.
  int64_t logits_ns = 0;  // When the logits that it was sampled from were known on the host, on the monotonic clock.
  int64_t known_ns = 0;   // When its id was. Of tokens that the host learns together, these are the device's times, but
                          // the last known_ns.
  std::optional<runtime::LogProbs> logprobs;  // Where asked for.
};

struct GenerationOptions {
  runtime::SamplingOptions sampling;
  std::optional<int> logprobs;  // Of each token, with so many of the most likely; [0, kMaxTopLogProbs].
};

// What a session takes of its client's limits, as long as it is open.
struct SessionLease {
  Budget::Lease session;
  Budget::Lease cache;
};

// One sequence being generated: a session, its sampler, and the tokens so far. Each token is sampled from the logits of
// the one before, which is put into the cache only when the next is asked for. Driven by the engine's thread; the model
// must outlive it.
class Generation {
 public:
  // The session is one of the model's; `logprobs` as in GenerationOptions.
  Generation(LoadedModel& model, std::unique_ptr<runtime::Session> session, runtime::Sampler sampler,
             std::optional<int> logprobs, const Clock& clock);

  // Runs the prompt and samples the first token. `prefilled_ns`, if given, is set to when logits were known. Errors as
  // Session::Prefill.
  absl::StatusOr<GeneratedToken> Start(absl::Span<const int32_t> prompt, runtime::PrefillMode mode,
                                       const std::function<bool()>& keep_going, int64_t* prefilled_ns);
  // Start with pauses, as Session::BeginPrefill and GoOn; First samples the first token once the prompt has ended,
  // before another session takes a step.
  absl::Status Begin(std::vector<int32_t> prompt, runtime::PrefillMode mode);
  absl::StatusOr<bool> GoOn(const std::function<bool()>& pauses);
  absl::StatusOr<GeneratedToken> First(const std::function<bool()>& keep_going);

  // One more token. FailedPrecondition before Start; errors as Session::Step.
  absl::StatusOr<GeneratedToken> Next();
  // Up to `count` more, at least one: those up to the first that `ends` says yes to. A device that draws tokens itself
  // goes from one to the next without the host, which learns them together; elsewhere they come one by one. On error
  // none of them was generated. Errors as Next, and Cancelled (`keep_going` said no).
  absl::StatusOr<std::vector<GeneratedToken>> NextUpTo(int64_t count, const std::function<bool(int32_t)>& ends,
                                                       const std::function<bool()>& keep_going = nullptr);

  // Text that tokens so far began but did not complete, with U+FFFD for what is missing; for when no token will follow.
  std::string FinishText();

  // An independent continuation from the same point, random state included.
  absl::StatusOr<std::unique_ptr<Generation>> Fork() const;

  // Keeps the lease for as long as this lives.
  void Hold(SessionLease lease) { lease_ = std::move(lease); }

  LoadedModel& model() const { return model_; }
  int64_t length() const { return session_->length(); }
  int64_t max_length() const { return session_->max_length(); }
  int64_t kv_bytes() const { return session_->kv_bytes(); }

 private:
  absl::StatusOr<GeneratedToken> Sample();
  absl::StatusOr<GeneratedToken> SampleLogits();
  bool DrawsOnDevice(int64_t count) const;
  absl::StatusOr<std::vector<GeneratedToken>> DrawOnDevice(bool from_logits, int64_t count,
                                                           const std::function<bool(int32_t)>& ends,
                                                           const std::function<bool()>& keep_going);
  GeneratedToken Append(GeneratedToken token);

  SessionLease lease_;
  LoadedModel& model_;
  const Clock& clock_;
  std::unique_ptr<runtime::Session> session_;
  std::unique_ptr<runtime::Session::PausablePrefill> prefill_;  // Under way.
  runtime::Sampler sampler_;
  std::optional<int> logprobs_;
  std::optional<text::TokenStream> text_;
  std::vector<int32_t> history_;  // Prompt and generated ids.
  size_t prompt_tokens_ = 0;      // How many of them are the prompt.
};

// An Internal error of a sampler, which says that a logit is NaN but not whose, with the model's name.
absl::Status NameModel(const LoadedModel& model, const absl::Status& status);

// 64-bit FNV-1a over token ids, as 16 hex digits.
class TokenDigest {
 public:
  void Add(int32_t id);
  std::string ToString() const;

 private:
  uint64_t hash_ = kFnv1aStart;
};

// (last - first) / (n - 1) in nanoseconds; 0 for fewer than two tokens.
double TimePerOutputTokenNs(int64_t first_ns, int64_t last_ns, int64_t tokens);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ENGINE_GENERATION_H_
