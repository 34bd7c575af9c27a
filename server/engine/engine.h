#ifndef METRONOME_SERVER_ENGINE_ENGINE_H_
#define METRONOME_SERVER_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kernels/base/cancel_token.h"
#include "kernels/base/clock.h"
#include "kernels/interface/backend.h"
#include "server/engine/generation.h"
#include "server/engine/work_queue.h"
#include "server/metrics/metrics.h"
#include "server/model/loaded_model.h"
#include "server/rpc/budget.h"

namespace metronome::server {

// How long work goes on before it looks whether others wait: some steps of a large model on a CPU, so that taking turns
// costs little, and little next to what a person notices.
inline constexpr int64_t kTurnNs = 100'000'000;

// What one loaded model is, for anyone who asks while the engine works.
struct LoadedModelSnapshot {
  ModelRequest request;
  LoadedModel::Facts facts;
  bool has_tokenizer = false;
  std::string error;  // Why it serves no more: LoadedModel::CheckUnchanged.
};

// The longest that calls may take, from when they are received; waiting counts.
struct CallLimits {
  absl::Duration compile = absl::Hours(2);     // Compile.
  absl::Duration generation = absl::Hours(4);  // Prefill, Decode, Generate, ForkSession.
  absl::Duration benchmark = absl::Hours(12);  // RunBenchmark, Explain.
};

struct EngineOptions {
  size_t queue_limit = 256;                                                              // Requests that may wait.
  Budget::Options sessions = {.total = 1000000, .per_client = 1000000};                  // Kept for clients.
  Budget::Options caches = {.total = int64_t{1} << 50, .per_client = int64_t{1} << 50};  // Bytes of theirs when full.
  absl::Duration session_idle_limit = absl::Minutes(10);  // Sessions unused for longer are freed.
  std::optional<PlanCache> plan_cache;                    // Where searched plans are kept.
  CallLimits limits;
  std::optional<PathRoots> model_roots;  // What models are read from; nullopt = anywhere.
};

// The backend, the models loaded on it and the open sessions. Everything but queue(), Snapshot(), OpenSessions() and
// backend facts runs on the queue's thread alone.
class Engine {
 public:
  Engine(std::unique_ptr<kernels::Backend> backend, EngineOptions options, const Clock& clock, Metrics& metrics);
  ~Engine();

  WorkQueue& queue() { return queue_; }
  const kernels::Backend& backend() const { return *backend_; }
  kernels::Backend& backend() { return *backend_; }
  const Clock& clock() const { return clock_; }
  const CallLimits& limits() const { return options_.limits; }
  Metrics& metrics() { return metrics_; }

  std::vector<LoadedModelSnapshot> Snapshot() const;  // Thread-safe.
  int64_t OpenSessions() const;                       // Thread-safe.

  // Loads, or returns what an equal request loaded and whose files are still the same. Another model of the same key is
  // freed first, once the new one's plan is known to be good. Lets others in every kTurnNs, so that it must be a whole
  // job of the queue.
  absl::StatusOr<LoadedModel*> Load(const ModelRequest& request, const LoadProgress& progress,
                                    const CancelToken& token = {});
  // FailedPrecondition for a model that is known but not compiled, NotFound for any other; errors of PathRoots::Check
  // for a path; DataLoss as LoadedModel::CheckUnchanged.
  absl::StatusOr<LoadedModel*> Find(const std::string& key);
  const LoadedModel* Loaded(const std::string& key) const;  // Whatever its state; nullptr for one that is not loaded.
  // Sessions closed. NotFound.
  absl::StatusOr<int> Unload(const std::string& key);

  // A session of the model for up to `max_cache_len` positions (0 = the model's), counted against memory as if it were
  // full, and against the limits of `client` where it is for one. ResourceExhausted, with a MemoryShortage where it is
  // the memory; errors of Sampler::Create and LoadedModel::NewSession.
  absl::StatusOr<std::unique_ptr<Generation>> NewGeneration(LoadedModel& model, const GenerationOptions& options,
                                                            int64_t max_cache_len,
                                                            std::optional<absl::string_view> client = std::nullopt);

  // The same without a sampler.
  absl::StatusOr<std::unique_ptr<runtime::Session>> NewSession(LoadedModel& model, int64_t max_cache_len);

  // Keeps a generation until closed, expired or unloaded, and returns its id.
  std::string Keep(std::unique_ptr<Generation> generation);
  // NotFound; FailedPrecondition while a decode uses it; DataLoss as LoadedModel::CheckUnchanged.
  absl::StatusOr<Generation*> Acquire(const std::string& id);
  // A session acquired earlier, for the next step of that work; nullptr when it has been closed meanwhile.
  Generation* Reacquire(const std::string& id);
  void Release(const std::string& id);  // After Acquire. Ignores ids closed meanwhile.
  absl::Status Close(const std::string& id);
  // A copy for `client`, as NewGeneration counts it.
  absl::StatusOr<std::string> Fork(const std::string& id, std::optional<absl::string_view> client = std::nullopt);

  // Whether work that has gone on since `start_ns` is to let others have the engine now.
  bool TurnIsOver(int64_t start_ns) const {
    return clock_.MonotonicNs() - start_ns >= kTurnNs && queue_.has_other_work();
  }

  // Frees sessions that have been idle too long and refreshes gauges. Called about once a second.
  void Housekeep();

 private:
  struct KeptSession {
    std::unique_ptr<Generation> generation;
    int64_t last_used_ns = 0;
    bool in_use = false;
  };

  void Publish();
  void PublishMemory();
  absl::StatusOr<std::unique_ptr<LoadedModel>> LoadPausing(const ModelRequest& request, const LoadProgress& progress,
                                                           const CancelToken& token);
  absl::Status CheckUnchanged(const LoadedModel& model);  // What it says is published too.
  const PathRoots* roots() const { return options_.model_roots.has_value() ? &*options_.model_roots : nullptr; }
  absl::Status CheckCacheFits(const LoadedModel& model, int64_t positions) const;
  int64_t UncommittedBytes() const;
  absl::StatusOr<SessionLease> LeaseSession(std::optional<absl::string_view> client, int64_t cache_bytes);

  std::unique_ptr<kernels::Backend> backend_;
  const EngineOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  Budget session_budget_, cache_budget_;
  absl::flat_hash_map<std::string, std::unique_ptr<LoadedModel>> models_;
  absl::flat_hash_map<std::string, KeptSession> sessions_;
  uint64_t next_session_ = 1;
  int64_t loading_bytes_ = 0;  // That the load under way has still to take.

  mutable absl::Mutex mutex_;
  std::vector<LoadedModelSnapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  int64_t open_sessions_ ABSL_GUARDED_BY(mutex_) = 0;
  WorkQueue queue_;  // Last, so that its thread stops before what it uses is destroyed.
};

// The labels of metrics, bounded whatever paths and numbers of layers clients name.
ModelLabels LabelsFor(const LoadedModel& model);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ENGINE_ENGINE_H_
