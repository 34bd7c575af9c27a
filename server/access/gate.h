#ifndef METRONOME_SERVER_ACCESS_GATE_H_
#define METRONOME_SERVER_ACCESS_GATE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "kernels/base/clock.h"
#include "server/access/access_control.h"
#include "server/access/server_credentials.h"
#include "server/daemon/config.h"
#include "server/metrics/metrics.h"

namespace metronome::server {

// Everything that stands between the network and the services: TLS, tokens, and the refusal to listen to other machines
// without both. Not thread-safe, but for `access`.
class Gate {
 public:
  // Reads the files that the configuration names. FailedPrecondition for an address that other machines reach without
  // TLS and tokens, unless config.insecure; errors of ReadTlsFiles and ReadTokenFile; `metrics` and `clock` are
  // borrowed.
  static absl::StatusOr<std::unique_ptr<Gate>> Open(const DaemonConfig& config, Metrics& metrics, const Clock& clock);

  AccessControl& access() const { return *access_; }
  // For the one port of the server.
  std::shared_ptr<grpc::ServerCredentials> credentials() const;

  // Reads the files again, under the names of `config`. What is broken stays as it was, and the log says so; to have
  // TLS, client certificates or tokens at all takes effect at the next start.
  void Reload(const DaemonConfig& config);

  // Repeats in the log, once an hour, that other machines are let in without TLS or tokens. Call about once a second.
  void Tick();

 private:
  Gate(const Clock& clock, std::shared_ptr<AccessControl> access) : clock_(clock), access_(std::move(access)) {}
  void Warn();
  void ReloadTls(const TlsFiles& files);
  void ReloadTokens(const std::string& path);

  const Clock& clock_;
  const std::shared_ptr<AccessControl> access_;
  std::shared_ptr<TlsIdentity> tls_;  // nullptr without TLS.
  bool require_client_ = false;
  std::string warning_;  // Empty where there is nothing to warn of.
  int64_t warned_ns_ = 0;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_GATE_H_
