#ifndef METRONOME_SERVER_DAEMON_DAEMON_H_
#define METRONOME_SERVER_DAEMON_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "absl/status/statusor.h"
#include "server/access/gate.h"
#include "server/daemon/config.h"
#include "server/engine/engine.h"
#include "server/metrics/metrics.h"
#include "server/rpc/admission.h"
#include "server/service/benchmark_service.h"
#include "server/service/inference_service.h"
#include "server/store/run_archive.h"
#include "server/web/web_server.h"

namespace metronome::server {

// The whole server: backend, engine, store, metrics and the gRPC services on top. Serving from Start until Stop.
class Daemon {
 public:
  // FailedPrecondition naming the address or path (a port in use, a database that cannot be written), InvalidArgument.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const DaemonConfig& config);
  ~Daemon();

  int grpc_port() const { return grpc_port_; }                               // 0 for a Unix socket.
  const std::string& metrics_address() const { return metrics_.address(); }  // Empty when off.

  // Periodic work: expires idle sessions, refreshes gauges, repeats warnings. Call about once a second.
  void Tick();

  // Reads certificates and tokens again, from the files that `config` names; nobody is dropped. All else of `config`
  // takes effect at the next start.
  void Reload(const DaemonConfig& config) { gate_->Reload(config); }

  // Refuses new work, reports NOT_SERVING, lets running requests go on for drain_seconds, cancels the rest, and closes
  // the store.
  void Stop();

 private:
  explicit Daemon(const DaemonConfig& config) : config_(config), metrics_(EdgesOf(config)) {}
  absl::Status Serve();
  void ReportRecords();
  absl::Status ServePages();

  const DaemonConfig config_;
  Metrics metrics_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Budget> requests_, answers_;  // Of all calls; they outlive whatever serves them.
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<RunArchive> archive_;
  std::unique_ptr<WorkQueue> database_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<InferenceService> inference_;
  std::unique_ptr<BenchmarkService> benchmark_;
  std::unique_ptr<grpc::Server> server_;
  int grpc_port_ = 0;
  std::atomic<bool> housekeeping_queued_{false};
  std::unique_ptr<WebServer> web_;  // Null where pages are not served.
  bool healthy_ = true;             // Until the backend says that its device has failed.
  bool records_ready_ = true;       // What the health service says of the Benchmark service.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_DAEMON_H_
