#ifndef METRONOME_SERVER_ENGINE_PREFILL_JOB_H_
#define METRONOME_SERVER_ENGINE_PREFILL_JOB_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/base/cancel_token.h"
#include "metronome/v1/inference.pb.h"
#include "server/engine/engine.h"

namespace metronome::server {

// Runs one prompt and gives the session that it made. Goes on for a turn of kTurnNs at a time while others wait, and
// then at the back of the queue; it pauses between kernels, so that the steps it takes, and all that they compute, do
// not depend on who else waits.
class PrefillJob : public std::enable_shared_from_this<PrefillJob> {
 public:
  // What a PrefillRequest and a GenerateRequest say alike. Borrows from the request.
  struct Options {
    std::string client;  // Whose session it is (Engine::NewGeneration).
    const std::string& model;
    const v1::Prompt& prompt;
    const v1::Sampling& sampling;
    const std::string& mode;
    int64_t max_cache_len = 0;
    int64_t max_tokens = 1;  // To generate; room for them is checked before the prompt runs.
    int64_t received_ns = 0;
    std::shared_ptr<const CancelToken> token;
  };
  // Called once, on the engine's thread. The session of the answer is acquired; after an error there is none.
  using Done = std::function<void(absl::StatusOr<v1::PrefillResponse>)>;

  PrefillJob(Engine& engine, Options options, Done done);

  // On the engine's thread.
  void Run();

 private:
  absl::Status Begin();
  absl::StatusOr<bool> TakeTurn();
  absl::Status Finish(Generation& generation);
  void End(const absl::Status& status);

  Engine& engine_;
  const Options options_;
  Done done_;
  v1::PrefillResponse response_;  // Names the session once there is one.
  bool short_ = false;            // Runs in one turn.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ENGINE_PREFILL_JOB_H_
