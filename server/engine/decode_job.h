#ifndef METRONOME_SERVER_ENGINE_DECODE_JOB_H_
#define METRONOME_SERVER_ENGINE_DECODE_JOB_H_

#include <memory>
#include <string>

#include "kernels/base/cancel_token.h"
#include "metronome/v1/inference.pb.h"
#include "server/engine/engine.h"
#include "server/rpc/stream_reactor.h"

namespace metronome::server {

using DecodeStream = StreamReactor<v1::DecodeResponse>;

// Streams the tokens of one kept session. Runs on the engine's thread a token, or tokens_at_once, at a time: after each
// turn it goes on at once if nothing else waits, else at the back of the queue, so that concurrent sequences take
// turns.
class DecodeJob : public std::enable_shared_from_this<DecodeJob> {
 public:
  struct Options {
    std::string session;
    int64_t max_tokens = 0;  // To generate, the first token below included.
    bool stop_at_eos = false;
    std::vector<int32_t> stop_token_ids;
    int64_t tokens_at_once = 1;
    bool close_session = false;  // At the end, however it comes; cancellation always closes.
    int64_t received_ns = 0;
    std::shared_ptr<const CancelToken> token;
    // Generate: the token that the prefill gave, already counted, when it was known, and the timeline so far.
    std::optional<v1::Token> first_token;
    int64_t first_known_ns = 0;
    v1::Timeline timeline;
  };

  DecodeJob(Engine& engine, std::shared_ptr<DecodeStream> stream, Options options);

  // On the engine's thread, with the session acquired.
  void Run();

 private:
  enum class Progress { kMore, kEnded };
  void TakeTurn();
  Progress Step();
  Progress Emit(v1::Token token, int64_t known_ns);
  void End(absl::Status status);
  bool Ends(int32_t token) const;
  void SendSummary(const char* reason);
  int64_t SinceReceived(int64_t ns) const { return ns - options_.received_ns; }

  Engine& engine_;
  std::shared_ptr<DecodeStream> stream_;
  Options options_;
  ModelLabels labels_;
  const text::Tokenizer* tokenizer_ = nullptr;  // Of the model, which outlives its sessions.
  std::vector<int32_t> eos_;
  TokenDigest digest_;
  int64_t tokens_ = 0;
  int64_t first_ns_ = 0;    // When the first token of this call was known.
  int64_t last_ns_ = 0;     // When the latest token of the sequence was known.
  int64_t checked_ns_ = 0;  // When the model's files were last looked at.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ENGINE_DECODE_JOB_H_
