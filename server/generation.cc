#include "server/generation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {

Generation::Generation(LoadedModel& model, std::unique_ptr<Session> session, Sampler sampler,
                       std::optional<int> logprobs, const Clock& clock)
    : model_(model), clock_(clock), session_(std::move(session)), sampler_(std::move(sampler)), logprobs_(logprobs) {
  if (model.tokenizer() != nullptr) text_.emplace(*model.tokenizer());
}

absl::StatusOr<GeneratedToken> Generation::Start(absl::Span<const int32_t> prompt, PrefillMode mode,
                                                 const std::function<bool()>& keep_going, int64_t* prefilled_ns) {
  RETURN_IF_ERROR(session_->Prefill(prompt, mode, keep_going));
  if (prefilled_ns != nullptr) *prefilled_ns = clock_.MonotonicNs();
  history_.insert(history_.end(), prompt.begin(), prompt.end());
  prompt_tokens_ = history_.size();
  return Sample();
}

absl::StatusOr<GeneratedToken> Generation::Next() {
  if (history_.empty()) return absl::FailedPreconditionError("the session has no prompt");
  RETURN_IF_ERROR(session_->Step(history_.back()));
  return Sample();
}

absl::StatusOr<GeneratedToken> Generation::Sample() {
  GeneratedToken token = {.logits_ns = clock_.MonotonicNs()};
  ASSIGN_OR_RETURN(token.id, sampler_.Next(session_->logits(), history_, session_->most_likely()));
  token.known_ns = clock_.MonotonicNs();
  if (logprobs_.has_value()) {
    ASSIGN_OR_RETURN(token.logprobs, LogProbabilities(session_->logits(), token.id, *logprobs_));
  }
  token.position = static_cast<int64_t>(history_.size());
  history_.push_back(token.id);
  if (text_.has_value()) token.text = text_->Push(token.id);
  return token;
}

std::string Generation::FinishText() { return text_.has_value() ? text_->Finish() : ""; }

absl::StatusOr<std::unique_ptr<Generation>> Generation::Fork() const {
  ASSIGN_OR_RETURN(std::unique_ptr<Session> session, session_->Fork());
  auto fork = std::make_unique<Generation>(model_, std::move(session), sampler_, logprobs_, clock_);
  fork->history_ = history_;
  fork->prompt_tokens_ = prompt_tokens_;
  if (fork->text_.has_value()) {  // To where this one's text is.
    for (size_t i = prompt_tokens_; i < history_.size(); ++i) fork->text_->Push(history_[i]);
  }
  return fork;
}

void TokenDigest::Add(int32_t id) {
  for (int byte = 0; byte < 4; ++byte)
    hash_ = Fnv1aByte(hash_, static_cast<uint8_t>(static_cast<uint32_t>(id) >> (8 * byte)));
}

std::string TokenDigest::ToString() const { return absl::StrCat(absl::Hex(hash_, absl::kZeroPad16)); }

double TimePerOutputTokenNs(int64_t first_ns, int64_t last_ns, int64_t tokens) {
  return tokens < 2 ? 0 : static_cast<double>(last_ns - first_ns) / static_cast<double>(tokens - 1);
}

}  // namespace metronome
