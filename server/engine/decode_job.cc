#include "server/engine/decode_job.h"

#include <algorithm>
#include <utility>

#include "server/rpc/guard.h"
#include "server/service/messages.h"

namespace metronome::server {
namespace {

// Between two looks at the files that the model's weights are mapped from.
constexpr int64_t kCheckEveryNs = 100'000'000;

bool IsAmong(const std::vector<int32_t>& ids, int32_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

}  // namespace

DecodeJob::DecodeJob(Engine& engine, std::shared_ptr<DecodeStream> stream, Options options)
    : engine_(engine), stream_(std::move(stream)), options_(std::move(options)) {}

void DecodeJob::Run() {
  const absl::Status status = Guarded("Decode", [this] {
    TakeTurn();
    return absl::OkStatus();
  });
  if (status.ok()) return;
  options_.close_session = true;  // Who knows what state it was left in.
  End(status);
}

void DecodeJob::TakeTurn() {
  if (tokens_ == 0) {
    const Generation* generation = engine_.Reacquire(options_.session);
    labels_ = LabelsFor(generation->model());
    tokenizer_ = generation->model().tokenizer();
    if (options_.stop_at_eos) eos_ = generation->model().config().eos_token_ids;
    last_ns_ = engine_.clock().MonotonicNs();
    if (options_.first_token.has_value() && Emit(*options_.first_token, options_.first_known_ns) == Progress::kEnded)
      return;
  }
  while (Step() == Progress::kMore) {
    if (engine_.queue().has_other_work()) {
      engine_.queue().Continue([self = shared_from_this()] { self->Run(); });
      return;
    }
  }
}

DecodeJob::Progress DecodeJob::Step() {
  if (absl::Status stopped = options_.token->Check(); !stopped.ok()) {
    options_.close_session = true;  // Nobody waits for it any more; its memory is worth more.
    End(std::move(stopped));
    return Progress::kEnded;
  }
  Generation* generation = engine_.Reacquire(options_.session);
  if (generation == nullptr) {
    End(absl::NotFoundError("the session was closed while it was decoding"));
    return Progress::kEnded;
  }
  // Not before every token: it may ask a file server.
  if (const int64_t now_ns = engine_.clock().MonotonicNs(); now_ns - checked_ns_ > kCheckEveryNs) {
    checked_ns_ = now_ns;
    if (const absl::Status unchanged = generation->model().CheckUnchanged(); !unchanged.ok()) {
      End(unchanged);
      return Progress::kEnded;
    }
  }
  const int64_t count = std::min(options_.tokens_at_once, options_.max_tokens - tokens_);
  const absl::StatusOr<std::vector<GeneratedToken>> tokens = generation->NextUpTo(
      count, [this](int32_t id) { return Ends(id); }, [this] { return options_.token->Check().ok(); });
  if (!tokens.ok()) {
    const absl::Status stopped = options_.token->Check();
    options_.close_session |= !stopped.ok();
    End(stopped.ok() ? tokens.status() : stopped);
    return Progress::kEnded;
  }
  for (const GeneratedToken& token : *tokens) {
    const int64_t step_ns = token.known_ns - last_ns_;
    engine_.metrics().ObserveStep(labels_, static_cast<double>(step_ns) * 1e-9);
    if (Emit(ToToken(token, step_ns, tokenizer_), token.known_ns) == Progress::kEnded) return Progress::kEnded;
  }
  return Progress::kMore;
}

bool DecodeJob::Ends(int32_t token) const { return IsAmong(eos_, token) || IsAmong(options_.stop_token_ids, token); }

DecodeJob::Progress DecodeJob::Emit(v1::Token token, int64_t known_ns) {
  last_ns_ = known_ns;
  if (tokens_++ == 0) first_ns_ = known_ns;
  digest_.Add(token.id());
  const bool stop = IsAmong(options_.stop_token_ids, token.id()), eos = IsAmong(eos_, token.id());
  const bool ends = stop || eos || tokens_ >= options_.max_tokens;
  v1::DecodeResponse response;
  *response.mutable_token() = std::move(token);
  if (ends && options_.close_session) {  // Nothing will complete what the last tokens began.
    response.mutable_token()->mutable_text()->append(engine_.Reacquire(options_.session)->FinishText());
  }
  stream_->Push(std::move(response));
  if (tokens_ == 1) options_.timeline.set_first_write_ns(SinceReceived(engine_.clock().MonotonicNs()));
  if (!ends) return Progress::kMore;
  SendSummary(stop ? "stop" : eos ? "eos" : "length");
  End(absl::OkStatus());
  return Progress::kEnded;
}

void DecodeJob::SendSummary(const char* reason) {
  const double tpot_ns = TimePerOutputTokenNs(first_ns_, last_ns_, tokens_);
  v1::DecodeResponse response;
  v1::DecodeSummary& summary = *response.mutable_summary();
  summary.set_finish_reason(reason);
  summary.set_tokens(tokens_);
  if (options_.first_token.has_value()) summary.set_ttft_ms(static_cast<double>(SinceReceived(first_ns_)) * 1e-6);
  summary.set_tpot_ms(tpot_ns * 1e-6);
  summary.set_digest(digest_.ToString());
  options_.timeline.set_done_ns(SinceReceived(last_ns_));
  *summary.mutable_timeline() = options_.timeline;
  engine_.metrics().ObserveDecode(labels_, static_cast<double>(last_ns_ - first_ns_) * 1e-9, tpot_ns * 1e-9,
                                  tokens_ - 1);
  stream_->Push(std::move(response));
}

void DecodeJob::End(absl::Status status) {
  if (options_.close_session) {
    engine_.Close(options_.session).IgnoreError();  // It may have been closed by others.
  } else {
    engine_.Release(options_.session);
  }
  stream_->Finish(std::move(status));
}

}  // namespace metronome::server
