#include "server/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/catalogue.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace metronome::server {

Engine::Engine(std::unique_ptr<kernels::Backend> backend, EngineOptions options, const Clock& clock, Metrics& metrics)
    : backend_(std::move(backend)),
      options_(std::move(options)),
      clock_(clock),
      metrics_(metrics),
      session_budget_(options_.sessions),
      cache_budget_(options_.caches),
      queue_("engine", options_.queue_limit, clock_) {
  metrics_.device().SetDevice(backend_.get());
  metrics_.SetLimits(static_cast<double>(options_.queue_limit), static_cast<double>(options_.sessions.total));
  metrics_.SetDeviceCapacity(backend_->name(), static_cast<double>(backend_->Describe().memory_total_bytes));
  PublishMemory();
}

// Waits for the queue before models and sessions go.
Engine::~Engine() {
  metrics_.device().SetDevice(nullptr);
  queue_.Drain();
  queue_.WaitIdle(absl::InfiniteDuration());
}

std::vector<LoadedModelSnapshot> Engine::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

int64_t Engine::OpenSessions() const {
  absl::MutexLock lock(&mutex_);
  return open_sessions_;
}

void Engine::Publish() {
  std::vector<LoadedModelSnapshot> snapshot;
  double device_bytes = 0, used = 0, capacity = 0;
  for (const auto& [key, model] : models_) {
    snapshot.push_back({model->request(), model->facts(), model->tokenizer() != nullptr,
                        std::string(model->CheckUnchanged().message())});
    device_bytes += static_cast<double>(model->facts().weight_bytes);
  }
  for (const auto& [id, session] : sessions_) {
    used += static_cast<double>(session.generation->kv_bytes());
    capacity += static_cast<double>(session.generation->model().KvBytes(session.generation->max_length()));
  }
  metrics_.SetSessions(static_cast<double>(sessions_.size()), used, capacity);
  metrics_.SetDeviceMemory(backend_->name(), device_bytes + used);
  absl::MutexLock lock(&mutex_);
  snapshot_ = std::move(snapshot);
  open_sessions_ = static_cast<int64_t>(sessions_.size());
}

absl::StatusOr<LoadedModel*> Engine::Load(const ModelRequest& request, const LoadProgress& progress,
                                          const CancelToken& token) {
  const auto found = models_.find(request.model);
  if (found != models_.end() && found->second->request() == request) {
    const absl::Status current = found->second->CheckCurrent();
    if (current.ok()) return found->second.get();
    spdlog::warn("{} is loaded again: {}", request.model, std::string(current.message()));
  }
  absl::StatusOr<std::unique_ptr<LoadedModel>> loaded = LoadPausing(request, progress, token);
  if (!loaded.ok() && ShortageOf(loaded.status()).has_value() && models_.contains(request.model)) {
    // Old and new together are too much: the old one makes room.
    RETURN_IF_ERROR(Unload(request.model).status());
    loaded = LoadPausing(request, progress, token);
  }
  RETURN_IF_ERROR(loaded.status());
  if (models_.contains(request.model)) RETURN_IF_ERROR(Unload(request.model).status());
  LoadedModel* model = loaded->get();
  models_[request.model] = *std::move(loaded);
  metrics_.ObserveCompile(LabelsFor(*model), model->facts().compile_ms * 1e-3);
  Publish();
  return model;
}

// Others get as long as the load has had, so that it makes progress beside any number of them.
absl::StatusOr<std::unique_ptr<LoadedModel>> Engine::LoadPausing(const ModelRequest& request,
                                                                 const LoadProgress& progress,
                                                                 const CancelToken& token) {
  int64_t resumed_ns = clock_.MonotonicNs();
  const CancelToken pausing([&]() -> absl::Status {
    RETURN_IF_ERROR(token.Check());
    const int64_t now_ns = clock_.MonotonicNs();
    if (now_ns - resumed_ns < kTurnNs) return absl::OkStatus();
    const int64_t end_ns = now_ns + (now_ns - resumed_ns);
    queue_.LetOthersIn([&] { return clock_.MonotonicNs() < end_ns; });
    resumed_ns = clock_.MonotonicNs();
    return absl::OkStatus();
  });
  const LoadContext context = {.progress = progress,
                               .reserve = [this](int64_t bytes) { loading_bytes_ = bytes; },
                               .token = pausing,
                               .plan_cache = options_.plan_cache.has_value() ? &*options_.plan_cache : nullptr,
                               .roots = roots()};
  absl::StatusOr<std::unique_ptr<LoadedModel>> loaded = LoadedModel::Load(*backend_, request, context);
  loading_bytes_ = 0;
  return loaded;
}

absl::StatusOr<LoadedModel*> Engine::Find(const std::string& key) {
  const auto found = models_.find(key);
  if (found != models_.end()) {
    RETURN_IF_ERROR(CheckUnchanged(*found->second));
    return found->second.get();
  }
  const absl::Status known =
      compiler::FindModel(key) != nullptr ? absl::OkStatus() : LocateModel(key, roots()).status();
  if (known.ok()) return absl::FailedPreconditionError(absl::StrCat("model '", key, "' is not compiled"));
  if (absl::IsPermissionDenied(known)) return known;
  return UnknownModelError(key, known);
}

const LoadedModel* Engine::Loaded(const std::string& key) const {
  const auto found = models_.find(key);
  return found == models_.end() ? nullptr : found->second.get();
}

absl::Status Engine::CheckUnchanged(const LoadedModel& model) {
  const absl::Status status = model.CheckUnchanged();
  if (status.ok()) return status;
  Publish();
  return absl::Status(status.code(),
                      absl::StrCat("model '", model.request().model, "' must be compiled again: ", status.message()));
}

absl::StatusOr<int> Engine::Unload(const std::string& key) {
  const auto found = models_.find(key);
  if (found == models_.end()) return absl::NotFoundError(absl::StrCat("model '", key, "' is not loaded"));
  const LoadedModel* model = found->second.get();
  int closed = 0;
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto current = at++;
    if (&current->second.generation->model() != model) continue;
    sessions_.erase(current);
    ++closed;
  }
  models_.erase(found);
  Publish();
  return closed;
}

int64_t Engine::UncommittedBytes() const {
  int64_t bytes = 0;
  for (const auto& [id, session] : sessions_) {
    const Generation& generation = *session.generation;
    bytes += std::max<int64_t>(0, generation.model().KvBytes(generation.max_length()) - generation.kv_bytes());
  }
  return bytes;
}

absl::Status Engine::CheckCacheFits(const LoadedModel& model, int64_t positions) const {
  const int64_t needed = model.KvBytes(positions);
  const int64_t available = backend_->MemoryAvailableBytes() - UncommittedBytes() - loading_bytes_;
  if (needed <= available) return absl::OkStatus();
  return MemoryShortageError(absl::StrCat(positions, " positions of KV cache for ", model.request().model),
                             {.bytes_needed = needed, .bytes_available = available});
}

absl::StatusOr<std::unique_ptr<runtime::Session>> Engine::NewSession(LoadedModel& model, int64_t max_cache_len) {
  ASSIGN_OR_RETURN(const int64_t positions, model.SessionLength(max_cache_len));
  RETURN_IF_ERROR(CheckCacheFits(model, positions));
  return model.NewSession(max_cache_len);
}

absl::StatusOr<std::unique_ptr<Generation>> Engine::NewGeneration(LoadedModel& model, const GenerationOptions& options,
                                                                  int64_t max_cache_len,
                                                                  std::optional<absl::string_view> client) {
  ASSIGN_OR_RETURN(runtime::Sampler sampler, runtime::Sampler::Create(options.sampling));
  ASSIGN_OR_RETURN(const int64_t positions, model.SessionLength(max_cache_len));
  ASSIGN_OR_RETURN(SessionLease lease, LeaseSession(client, model.KvBytes(positions)));
  ASSIGN_OR_RETURN(std::unique_ptr<runtime::Session> session, NewSession(model, max_cache_len));
  auto generation =
      std::make_unique<Generation>(model, std::move(session), std::move(sampler), options.logprobs, clock_);
  generation->Hold(std::move(lease));
  return generation;
}

absl::StatusOr<SessionLease> Engine::LeaseSession(std::optional<absl::string_view> client, int64_t cache_bytes) {
  SessionLease lease;
  if (!client.has_value()) return lease;
  ASSIGN_OR_RETURN(lease.session, session_budget_.Take(*client, 1));
  ASSIGN_OR_RETURN(lease.cache, cache_budget_.Take(*client, cache_bytes));
  return lease;
}

std::string Engine::Keep(std::unique_ptr<Generation> generation) {
  std::string id = absl::StrCat("s", next_session_++);
  sessions_[id] = {.generation = std::move(generation), .last_used_ns = clock_.MonotonicNs()};
  Publish();
  return id;
}

absl::StatusOr<Generation*> Engine::Acquire(const std::string& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return absl::NotFoundError(absl::StrCat("no open session '", id, "'"));
  if (found->second.in_use)
    return absl::FailedPreconditionError(absl::StrCat("session '", id, "' is in use by another call"));
  RETURN_IF_ERROR(CheckUnchanged(found->second.generation->model()));
  found->second.in_use = true;
  return found->second.generation.get();
}

Generation* Engine::Reacquire(const std::string& id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.generation.get();
}

void Engine::Release(const std::string& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  found->second.in_use = false;
  found->second.last_used_ns = clock_.MonotonicNs();
  Publish();
}

absl::Status Engine::Close(const std::string& id) {
  if (sessions_.erase(id) == 0) return absl::NotFoundError(absl::StrCat("no open session '", id, "'"));
  Publish();
  return absl::OkStatus();
}

absl::StatusOr<std::string> Engine::Fork(const std::string& id, std::optional<absl::string_view> client) {
  ASSIGN_OR_RETURN(Generation * origin, Acquire(id));
  const auto fork = [&]() -> absl::StatusOr<std::unique_ptr<Generation>> {
    ASSIGN_OR_RETURN(SessionLease lease, LeaseSession(client, origin->model().KvBytes(origin->max_length())));
    RETURN_IF_ERROR(CheckCacheFits(origin->model(), origin->max_length()));
    ASSIGN_OR_RETURN(std::unique_ptr<Generation> copy, origin->Fork());
    copy->Hold(std::move(lease));
    return copy;
  };
  absl::StatusOr<std::unique_ptr<Generation>> copy = fork();
  Release(id);
  RETURN_IF_ERROR(copy.status());
  return Keep(*std::move(copy));
}

void Engine::Housekeep() {
  const int64_t oldest = clock_.MonotonicNs() - absl::ToInt64Nanoseconds(options_.session_idle_limit);
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto current = at++;
    if (current->second.in_use || current->second.last_used_ns > oldest) continue;
    sessions_.erase(current);
  }
  Publish();
  PublishMemory();
}

// Caches may have what they have and what the device could still give, up to the budget.
void Engine::PublishMemory() {
  const int64_t available = backend_->MemoryAvailableBytes();
  int64_t used = 0;
  for (const auto& [id, session] : sessions_) used += session.generation->kv_bytes();
  const int64_t limit = std::min(options_.caches.total, used + std::max<int64_t>(available - loading_bytes_, 0));
  metrics_.SetDeviceAvailable(backend_->name(), static_cast<double>(available));
  metrics_.SetKvCacheLimit(static_cast<double>(limit));
}

ModelLabels LabelsFor(const LoadedModel& model) {
  const bool partial = model.facts().layers < model.facts().model_layers;
  const bool named = compiler::FindModel(model.request().model) != nullptr;
  return {.model = partial ? "partial"
                   : named ? model.request().model
                           : "directory",
          .backend = std::string(model.backend().name()),
          .path = std::string(Name(model.request().path))};
}

}  // namespace metronome::server
