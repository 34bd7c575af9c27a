#include "server/engine/prefill_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/rpc/guard.h"
#include "server/service/messages.h"
#include "server/service/prompt.h"

namespace metronome::server {
namespace {

// A prompt this short takes little longer than a token, and does not pause.
constexpr size_t kShortPrompt = 64;

// Room for a prompt and the `tokens` that are generated after it, the last of which is never put into the cache.
absl::Status CheckRoomAfterPrompt(int64_t prompt, int64_t tokens, int64_t limit) {
  if (tokens - 1 <= limit - prompt) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat(tokens, " tokens after a prompt of ", prompt, " exceed max_cache_len ", limit));
}

}  // namespace

PrefillJob::PrefillJob(Engine& engine, Options options, Done done)
    : engine_(engine), options_(std::move(options)), done_(std::move(done)) {}

void PrefillJob::Run() {
  const absl::Status status = Guarded("Prefill", [this]() -> absl::Status {
    if (response_.session().empty()) RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(const bool ended, TakeTurn());
    if (!ended) {
      engine_.queue().Continue([self = shared_from_this()] { self->Run(); });
      return absl::OkStatus();
    }
    End(absl::OkStatus());
    return absl::OkStatus();
  });
  if (!status.ok()) End(status);
}

absl::Status PrefillJob::Begin() {
  const Clock& clock = engine_.clock();
  v1::Timeline& timeline = *response_.mutable_timeline();
  timeline.set_queue_ns(clock.MonotonicNs() - options_.received_ns);
  engine_.metrics().ObserveQueue(static_cast<double>(timeline.queue_ns()) * 1e-9);
  RETURN_IF_ERROR(options_.token->Check());
  ASSIGN_OR_RETURN(LoadedModel * model, engine_.Find(options_.model));
  ASSIGN_OR_RETURN(const runtime::PrefillMode mode, ToPrefillMode(options_.mode));
  ASSIGN_OR_RETURN(const int64_t limit, model->SessionLength(options_.max_cache_len));
  ASSIGN_OR_RETURN(ResolvedPrompt prompt, ResolvePrompt(*model, options_.prompt, limit));
  const auto tokens = static_cast<int64_t>(prompt.tokens.size());
  RETURN_IF_ERROR(CheckRoomAfterPrompt(tokens, options_.max_tokens, limit));
  timeline.set_tokenize_ns(clock.MonotonicNs() - options_.received_ns);

  ASSIGN_OR_RETURN(const GenerationOptions options, ToGenerationOptions(options_.sampling, model->sampling_defaults()));
  ASSIGN_OR_RETURN(std::unique_ptr<Generation> generation,
                   engine_.NewGeneration(*model, options, options_.max_cache_len, options_.client));
  response_.set_prompt_tokens_requested(prompt.requested);
  response_.set_prompt_tokens(tokens);
  short_ = prompt.tokens.size() <= kShortPrompt;
  RETURN_IF_ERROR(generation->Begin(std::move(prompt.tokens), mode));
  response_.set_session(engine_.Keep(std::move(generation)));
  return engine_.Acquire(response_.session()).status();
}

absl::StatusOr<bool> PrefillJob::TakeTurn() {
  RETURN_IF_ERROR(options_.token->Check());
  Generation* const generation = engine_.Reacquire(response_.session());
  if (generation == nullptr) return absl::NotFoundError("the session was closed while its prompt ran");
  const int64_t start_ns = engine_.clock().MonotonicNs();
  absl::Status stopped;
  const auto pauses = [&] {
    stopped = options_.token->Check();
    return !stopped.ok() || (!short_ && engine_.TurnIsOver(start_ns));
  };
  ASSIGN_OR_RETURN(const bool ended, generation->GoOn(pauses));
  RETURN_IF_ERROR(stopped);
  if (ended) RETURN_IF_ERROR(Finish(*generation));
  return ended;
}

absl::Status PrefillJob::Finish(Generation& generation) {
  v1::Timeline& timeline = *response_.mutable_timeline();
  timeline.set_prefill_ns(engine_.clock().MonotonicNs() - options_.received_ns);
  ASSIGN_OR_RETURN(const GeneratedToken token, generation.First([this] { return options_.token->Check().ok(); }));
  timeline.set_sample_ns(token.known_ns - options_.received_ns);
  engine_.metrics().ObservePrefill(LabelsFor(generation.model()),
                                   static_cast<double>(timeline.prefill_ns() - timeline.tokenize_ns()) * 1e-9,
                                   static_cast<double>(timeline.sample_ns()) * 1e-9, response_.prompt_tokens());
  *response_.mutable_first_token() = ToToken(token, 0, generation.model().tokenizer());
  response_.set_kv_bytes(generation.kv_bytes());
  return options_.token->Check();  // Else nobody would learn the session's name.
}

void PrefillJob::End(const absl::Status& status) {
  if (done_ == nullptr) return;  // What it threw was logged.
  const Done done = std::exchange(done_, nullptr);
  if (status.ok()) return done(std::move(response_));
  if (!response_.session().empty()) engine_.Close(response_.session()).IgnoreError();  // It may have been closed.
  done(status);
}

}  // namespace metronome::server
