#include "server/daemon/daemon.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/host/host_memory.h"
#include "server/build_info.h"
#include "server/daemon/backend_choice.h"
#include "server/daemon/listen_address.h"
#include "server/daemon/serving_limits.h"
#include "server/model/hub_cache_root.h"
#include "server/rpc/transport.h"

namespace metronome::server {
namespace {

// Results that wait for the disk; a write takes milliseconds.
constexpr size_t kDatabaseQueueLimit = 4096;
// Of searched plans on disk; one model takes about 1 MB.
constexpr int64_t kPlanCacheBytes = 256 << 20;

// A home that is the root of all, as that of some system users, allows nothing by itself.
PathRoots ModelRoots(const DaemonConfig& config) {
  std::vector<std::string> roots = config.model_root;
  roots.push_back(HubCacheRoot(ProcessEnvironment()));
  if (const std::string home = HomeDirectory(ProcessEnvironment()); home.find_first_not_of('/') != std::string::npos)
    roots.push_back(home);
  return PathRoots(std::move(roots));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const DaemonConfig& config) {
  auto daemon = std::unique_ptr<Daemon>(new Daemon(config));
  RETURN_IF_ERROR(daemon->Serve());
  return daemon;
}

absl::Status Daemon::Serve() {
  const Clock& clock = Clock::Real();
  ASSIGN_OR_RETURN(gate_, Gate::Open(config_, metrics_, clock));
  ASSIGN_OR_RETURN(archive_, RunArchive::Open({.path = config_.db, .spare_directory = DefaultSpoolDirectory()}, clock));
  database_ = std::make_unique<WorkQueue>("database", kDatabaseQueueLimit);
  ASSIGN_OR_RETURN(BackendChoice choice, ChooseBackend(config_));
  const ServingLimits limits =
      LimitsOf(config_, kernels::cpu::HostMemoryTotalBytes(), choice.backend->Describe().memory_total_bytes);
  EngineOptions options = {.queue_limit = static_cast<size_t>(config_.queue_limit),
                           .sessions = limits.sessions,
                           .caches = limits.caches,
                           .session_idle_limit = absl::Seconds(config_.session_idle_seconds),
                           .limits = {.compile = absl::Seconds(config_.max_compile_seconds),
                                      .generation = absl::Seconds(config_.max_generation_seconds),
                                      .benchmark = absl::Seconds(config_.max_benchmark_seconds)},
                           .model_roots = ModelRoots(config_)};
  spdlog::info("models are read from {}", options.model_roots->ToString());
  if (config_.plan_cache != "off") {
    if (absl::StatusOr<PlanCache> cache = PlanCache::Open(config_.plan_cache, kPlanCacheBytes); cache.ok()) {
      options.plan_cache = *std::move(cache);
    } else {
      spdlog::warn("searched plans are not kept: {}", std::string(cache.status().message()));
    }
  }
  engine_ = std::make_unique<Engine>(std::move(choice.backend), std::move(options), clock, metrics_);
  if (!config_.metrics_listen.empty()) RETURN_IF_ERROR(metrics_.Serve(config_.metrics_listen));

  requests_ = std::make_unique<Budget>(limits.requests);
  answers_ = std::make_unique<Budget>(limits.answers);
  admission_ = std::make_unique<Admission>(*requests_, *answers_, metrics_);
  inference_ =
      std::make_unique<InferenceService>(*engine_, *admission_, limits.prompt, gate_->access(),
                                         InferenceService::ServerFacts{.database = config_.db,
                                                                       .metrics_address = metrics_.address(),
                                                                       .other_backend = choice.other,
                                                                       .other_backend_reason = choice.other_reason,
                                                                       .calibration = choice.calibration});
  benchmark_ =
      std::make_unique<BenchmarkService>(*engine_, *admission_, limits.record, *archive_, *database_, gate_->access());
  static std::once_flag reflection;  // Registering it twice in one process would be an error.
  std::call_once(reflection, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // A second daemon on the port must fail, not share it.
  builder.AddListeningPort(config_.listen, gate_->credentials(), &grpc_port_);
  // What is a little too long is still read, so that the refusal can say what to do.
  const int64_t longest = std::max(limits.prompt.bytes, limits.record.bytes) + kPlainRequestBytes;
  builder.SetMaxReceiveMessageSize(static_cast<int>(longest));
  builder.SetResourceQuota(grpc::ResourceQuota("requests").Resize(static_cast<size_t>(limits.requests.total)));
  builder.SetContextAllocator(std::make_unique<CallContextAllocator>());
  ConfigureTransport(builder);
  builder.RegisterService(inference_.get());
  builder.RegisterService(benchmark_.get());
  server_ = builder.BuildAndStart();
  ASSIGN_OR_RETURN(const ListenAddress listen, ParseListenAddress(config_.listen));
  if (server_ == nullptr || (grpc_port_ == 0 && !listen.is_unix())) return WhyNotListening(listen);
  server_->GetHealthCheckService()->SetServingStatus(true);
  for (const char* service : {v1::Inference::service_full_name(), v1::Benchmark::service_full_name()})
    server_->GetHealthCheckService()->SetServingStatus(service, true);

  const kernels::DeviceInfo device = engine_->backend().Describe();
  spdlog::info("metronomed {} ({}) serves gRPC on {} port {}, metrics on {}", kVersion, kBuildCommit, config_.listen,
               grpc_port_, metrics_.address().empty() ? "nothing" : metrics_.address());
  spdlog::info("backend {}: {} ({}, {} host threads); not {}: {}", std::string(engine_->backend().name()), device.name,
               device.instruction_set, device.threads, choice.other, choice.other_reason);
  if (!device.libraries.empty()) spdlog::info("libraries: {}", device.libraries);
  if (const absl::Status telemetry = engine_->backend().Telemetry().status();
      !telemetry.ok() && !absl::IsUnimplemented(telemetry))
    spdlog::warn("clocks, temperature and power are not known: {}", std::string(telemetry.message()));
  spdlog::info("database {}", config_.db);
  RETURN_IF_ERROR(ServePages());
  if (!config_.port_file.empty()) {
    const std::string metrics_port = metrics_.address().substr(metrics_.address().rfind(':') + 1);
    std::ofstream file(config_.port_file);
    file << "grpc=" << grpc_port_ << "\n";
    if (web_ != nullptr) file << "web=" << web_->port() << "\n";
    file << "metrics=" << (metrics_port.empty() ? "0" : metrics_port) << "\n";
    if (!file.flush()) return absl::FailedPreconditionError(absl::StrCat("cannot write port file ", config_.port_file));
  }
  return absl::OkStatus();
}

absl::Status Daemon::ServePages() {
  if (config_.web_listen.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(config_.web_listen));
  ASSIGN_OR_RETURN(web_,
                   WebServer::Start(address, std::make_unique<RecordPages>(*archive_, *database_), gate_->access()));
  spdlog::info("pages are served on http://{}:{}/", address.host, web_->port());
  return absl::OkStatus();
}

Daemon::~Daemon() { Stop(); }

void Daemon::Tick() {
  gate_->Tick();
  metrics_.SetWaiting(static_cast<int64_t>(engine_->queue().waiting()));
  metrics_.SetEngineBusy(static_cast<double>(engine_->queue().busy_ns()) * 1e-9);
  if (const absl::Status health = engine_->backend().Health(); !health.ok() && healthy_) {
    healthy_ = false;
    spdlog::error("not serving any more: {}", std::string(health.message()));
    server_->GetHealthCheckService()->SetServingStatus(false);
  }
  ReportRecords();
  if (housekeeping_queued_.exchange(true)) return;  // The engine is in a long job.
  engine_->queue().Continue([this] {
    engine_->Housekeep();
    housekeeping_queued_ = false;
  });
}

// Models are served whether or not results can be stored.
void Daemon::ReportRecords() {
  benchmark_->Housekeep();
  if (const bool ready = healthy_ && benchmark_->ready(); records_ready_ != ready) {
    records_ready_ = ready;
    server_->GetHealthCheckService()->SetServingStatus(v1::Benchmark::service_full_name(), ready);
  }
}

void Daemon::Stop() {
  if (server_ == nullptr) return;
  web_.reset();
  server_->GetHealthCheckService()->SetServingStatus(false);
  engine_->queue().Drain();
  spdlog::info("stopping: running requests have {} s", config_.drain_seconds);
  engine_->queue().WaitIdle(absl::Seconds(config_.drain_seconds));
  // What still runs is cancelled here and stops at its next token.
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  engine_->queue().WaitIdle(absl::InfiniteDuration());
  server_->Wait();
  server_.reset();
  database_.reset();  // Writes what was accepted.
  engine_.reset();
  archive_.reset();
  spdlog::info("stopped");
}

}  // namespace metronome::server
