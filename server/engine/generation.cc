#include "server/engine/generation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {

Generation::Generation(LoadedModel& model, std::unique_ptr<runtime::Session> session, runtime::Sampler sampler,
                       std::optional<int> logprobs, const Clock& clock)
    : model_(model), clock_(clock), session_(std::move(session)), sampler_(std::move(sampler)), logprobs_(logprobs) {
  if (model.tokenizer() != nullptr) text_.emplace(*model.tokenizer());
}

absl::StatusOr<GeneratedToken> Generation::Start(absl::Span<const int32_t> prompt, runtime::PrefillMode mode,
                                                 const std::function<bool()>& keep_going, int64_t* prefilled_ns) {
  RETURN_IF_ERROR(session_->Prefill(prompt, mode, keep_going));
  if (prefilled_ns != nullptr) *prefilled_ns = clock_.MonotonicNs();
  history_.insert(history_.end(), prompt.begin(), prompt.end());
  return First(keep_going);
}

absl::Status Generation::Begin(std::vector<int32_t> prompt, runtime::PrefillMode mode) {
  std::vector<int32_t> history = history_;
  history.insert(history.end(), prompt.begin(), prompt.end());
  ASSIGN_OR_RETURN(prefill_, session_->BeginPrefill(std::move(prompt), mode));
  history_ = std::move(history);
  return absl::OkStatus();
}

absl::StatusOr<bool> Generation::GoOn(const std::function<bool()>& pauses) {
  ASSIGN_OR_RETURN(const bool ended, session_->GoOn(*prefill_, pauses));
  if (ended) prefill_.reset();
  return ended;
}

absl::StatusOr<GeneratedToken> Generation::First(const std::function<bool()>& keep_going) {
  prompt_tokens_ = history_.size();
  if (!DrawsOnDevice(1)) return Sample();
  ASSIGN_OR_RETURN(const std::vector<GeneratedToken> tokens,
                   DrawOnDevice(/*from_logits=*/true, 1, nullptr, keep_going));
  return tokens.front();
}

absl::StatusOr<GeneratedToken> Generation::Next() {
  ASSIGN_OR_RETURN(std::vector<GeneratedToken> tokens, NextUpTo(1, nullptr));
  return std::move(tokens.front());
}

absl::StatusOr<std::vector<GeneratedToken>> Generation::NextUpTo(int64_t count,
                                                                 const std::function<bool(int32_t)>& ends,
                                                                 const std::function<bool()>& keep_going) {
  if (history_.empty()) return absl::FailedPreconditionError("the session has no prompt");
  const int64_t room = std::max<int64_t>(1, session_->max_length() - session_->length());
  count = std::min({count, room, runtime::DrawSequence::kMostDraws});
  if (!DrawsOnDevice(count)) {
    RETURN_IF_ERROR(session_->Step(history_.back()));
    ASSIGN_OR_RETURN(GeneratedToken token, Sample());
    return std::vector<GeneratedToken>{std::move(token)};
  }
  return DrawOnDevice(/*from_logits=*/false, count, ends, keep_going);
}

// One token that is the most likely is known without its logits. Several are worth drawing where the next one is
// needed.
bool Generation::DrawsOnDevice(int64_t count) const {
  if (!session_->can_draw() || logprobs_.has_value()) return false;
  return count > 1 || !sampler_.options().takes_most_likely();
}

absl::StatusOr<std::vector<GeneratedToken>> Generation::DrawOnDevice(bool from_logits, int64_t count,
                                                                     const std::function<bool(int32_t)>& ends,
                                                                     const std::function<bool()>& keep_going) {
  const int64_t start_ns = clock_.MonotonicNs(), length = session_->length();
  absl::StatusOr<std::vector<runtime::DrawnToken>> drawn_or = session_->Draw({.sampling = sampler_.options(),
                                                                              .state = sampler_.state(),
                                                                              .history = history_,
                                                                              .from_logits = from_logits,
                                                                              .count = count},
                                                                             keep_going);
  if (!drawn_or.ok()) return NameModel(model_, drawn_or.status());
  std::vector<runtime::DrawnToken>& drawn = *drawn_or;
  const int64_t end_ns = clock_.MonotonicNs();
  const auto last = ends == nullptr ? drawn.end()
                                    : std::find_if(drawn.begin(), drawn.end(),
                                                   [&](const runtime::DrawnToken& token) { return ends(token.id); });
  if (last != drawn.end()) {  // What was drawn after it was not wanted.
    drawn.erase(last + 1, drawn.end());
    RETURN_IF_ERROR(session_->Truncate(length + static_cast<int64_t>(drawn.size()) - (from_logits ? 1 : 0)));
  }
  sampler_.Skip(static_cast<int64_t>(drawn.size()));
  std::vector<GeneratedToken> tokens;
  for (const runtime::DrawnToken& token : drawn) {
    const auto at_ns = [&](double seconds) { return std::min(end_ns, start_ns + static_cast<int64_t>(seconds * 1e9)); };
    tokens.push_back(
        Append({.id = token.id, .logits_ns = at_ns(token.logits_seconds), .known_ns = at_ns(token.seconds)}));
  }
  tokens.back().known_ns = end_ns;
  return tokens;
}

absl::StatusOr<GeneratedToken> Generation::Sample() {
  absl::StatusOr<GeneratedToken> token = SampleLogits();
  if (!token.ok()) return NameModel(model_, token.status());
  return token;
}

absl::StatusOr<GeneratedToken> Generation::SampleLogits() {
  GeneratedToken token = {.logits_ns = clock_.MonotonicNs()};
  const std::optional<int32_t> most_likely = session_->most_likely();
  const std::optional<int32_t> id =
      most_likely.has_value() ? sampler_.NextWithoutLogits(*most_likely, model_.facts().vocab_size) : std::nullopt;
  if (id.has_value()) {
    token.id = *id;
  } else {
    ASSIGN_OR_RETURN(const absl::Span<const float> logits, session_->Logits());
    ASSIGN_OR_RETURN(token.id, sampler_.Next(logits, history_));
  }
  token.known_ns = clock_.MonotonicNs();
  if (logprobs_.has_value()) {
    ASSIGN_OR_RETURN(const absl::Span<const float> logits, session_->Logits());
    ASSIGN_OR_RETURN(token.logprobs, runtime::LogProbabilities(logits, token.id, *logprobs_));
  }
  return Append(std::move(token));
}

GeneratedToken Generation::Append(GeneratedToken token) {
  token.position = static_cast<int64_t>(history_.size());
  history_.push_back(token.id);
  if (text_.has_value()) token.text = text_->Push(token.id);
  return token;
}

std::string Generation::FinishText() { return text_.has_value() ? text_->Finish() : ""; }

absl::StatusOr<std::unique_ptr<Generation>> Generation::Fork() const {
  ASSIGN_OR_RETURN(std::unique_ptr<runtime::Session> session, session_->Fork());
  auto fork = std::make_unique<Generation>(model_, std::move(session), sampler_, logprobs_, clock_);
  fork->history_ = history_;
  fork->prompt_tokens_ = prompt_tokens_;
  if (fork->text_.has_value()) {  // To where this one's text is.
    for (size_t i = prompt_tokens_; i < history_.size(); ++i) fork->text_->Push(history_[i]);
  }
  return fork;
}

absl::Status NameModel(const LoadedModel& model, const absl::Status& status) {
  if (!absl::IsInternal(status)) return status;
  return absl::InternalError(absl::StrCat("model '", model.request().model, "': ", status.message()));
}

void TokenDigest::Add(int32_t id) {
  for (int byte = 0; byte < 4; ++byte)
    hash_ = Fnv1aByte(hash_, static_cast<uint8_t>(static_cast<uint32_t>(id) >> (8 * byte)));
}

std::string TokenDigest::ToString() const { return absl::StrCat(absl::Hex(hash_, absl::kZeroPad16)); }

double TimePerOutputTokenNs(int64_t first_ns, int64_t last_ns, int64_t tokens) {
  return tokens < 2 ? 0 : static_cast<double>(last_ns - first_ns) / static_cast<double>(tokens - 1);
}

}  // namespace metronome::server
