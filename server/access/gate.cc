#include "server/access/gate.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "kernels/base/status_macros.h"
#include "server/daemon/listen_address.h"

namespace metronome::server {
namespace {

constexpr absl::Duration kWarnEvery = absl::Hours(1);
constexpr absl::Duration kExpirySoon = absl::Hours(14 * 24);

TlsFiles FilesOf(const DaemonConfig& config) {
  return {.certificate = config.tls_cert, .key = config.tls_key, .client_ca = config.tls_client_ca};
}

// What the configuration lacks for an address that other machines reach; empty for nothing.
std::string Lacks(const DaemonConfig& config) {
  std::vector<std::string> lacking;
  if (config.tls_cert.empty()) lacking.push_back("TLS (--tls-cert, --tls-key)");
  if (config.tokens.empty()) lacking.push_back("tokens (--tokens)");
  return absl::StrJoin(lacking, " and ");
}

// What to warn of again and again; FailedPrecondition for what is not even to be warned of.
absl::StatusOr<std::string> JudgeExposure(const DaemonConfig& config) {
  ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(config.listen));
  ASSIGN_OR_RETURN(const bool local, address.IsLocal());
  const std::string lacks = Lacks(config);
  if (local || lacks.empty()) return std::string();
  if (config.insecure) {
    return absl::StrCat("insecure: other machines reach ", config.listen, " without ", lacks,
                        ", and --insecure lets them; whoever can connect may use this daemon");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("other machines reach ", config.listen, ", which takes TLS and tokens: it lacks ", lacks,
                   "; listen on 127.0.0.1 or unix:/path, or accept the risk with --insecure"));
}

// Pages are plain HTTP: a token, and what it lets see, would cross the network in the clear.
absl::Status JudgePages(const DaemonConfig& config) {
  if (config.web_listen.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(config.web_listen));
  ASSIGN_OR_RETURN(const bool local, address.IsLocal());
  if (local) return absl::OkStatus();
  if (config.insecure) {
    spdlog::warn("insecure: other machines reach the pages on {} in plain HTTP, tokens included", config.web_listen);
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "other machines reach web_listen ", config.web_listen,
      ", which is plain HTTP; listen on 127.0.0.1 (and forward the port by ssh -L, or put a proxy with TLS "
      "before it), or accept the risk with --insecure"));
}

void WarnOfMetrics(const DaemonConfig& config) {
  if (config.metrics_listen.empty()) return;
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(config.metrics_listen);
  if (!address.ok() || address->IsLocal().value_or(false)) return;
  spdlog::warn("metrics on {} are readable by whoever can connect, without TLS or token", config.metrics_listen);
}

void LogTls(const TlsFiles& files, const TlsMaterial& material) {
  const std::string expires = absl::FormatTime(absl::RFC3339_sec, material.expires, absl::UTCTimeZone());
  if (material.expires - absl::Now() < kExpirySoon) {
    spdlog::warn("the TLS certificate {} expires soon, at {}", files.certificate, expires);
  } else {
    spdlog::info("TLS certificate {}, valid until {}; client certificates are {}", files.certificate, expires,
                 files.client_ca.empty() ? "not asked for" : "required");
  }
}

absl::StatusOr<TokenSet> ReadTokens(const std::string& path) {
  absl::StatusOr<TokenSet> tokens = ReadTokenFile(path);
  if (tokens.ok()) return tokens;
  return absl::Status(tokens.status().code(), absl::StrCat("tokens: ", tokens.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gate>> Gate::Open(const DaemonConfig& config, Metrics& metrics, const Clock& clock) {
  auto gate = std::unique_ptr<Gate>(new Gate(clock, std::make_shared<AccessControl>(metrics, clock)));
  ASSIGN_OR_RETURN(gate->warning_, JudgeExposure(config));
  RETURN_IF_ERROR(JudgePages(config));
  if (const TlsFiles files = FilesOf(config); !files.empty()) {
    ASSIGN_OR_RETURN(TlsMaterial material, ReadTlsFiles(files));
    LogTls(files, material);
    gate->tls_ = std::make_shared<TlsIdentity>(std::move(material));
    gate->require_client_ = !files.client_ca.empty();
  }
  if (!config.tokens.empty()) {
    ASSIGN_OR_RETURN(TokenSet tokens, ReadTokens(config.tokens));
    spdlog::info("{} tokens in {}; every call needs one", tokens.size(), config.tokens);
    gate->access_->SetTokens(std::move(tokens));
  }
  WarnOfMetrics(config);
  gate->Warn();
  return gate;
}

std::shared_ptr<grpc::ServerCredentials> Gate::credentials() const {
  return MakeServerCredentials(access_, tls_, require_client_);
}

void Gate::Reload(const DaemonConfig& config) {
  const TlsFiles files = FilesOf(config);
  if (files.empty() == (tls_ != nullptr) || !files.client_ca.empty() != require_client_) {
    spdlog::warn("TLS or client certificates on or off: takes effect at the next start");
  } else if (tls_ != nullptr) {
    ReloadTls(files);
  }
  if (config.tokens.empty() == access_->has_tokens()) {
    spdlog::warn("tokens on or off: takes effect at the next start");
  } else if (access_->has_tokens()) {
    ReloadTokens(config.tokens);
  }
  Warn();
}

void Gate::ReloadTls(const TlsFiles& files) {
  absl::StatusOr<TlsMaterial> material = ReadTlsFiles(files);
  if (!material.ok()) {
    spdlog::error("TLS not reloaded, the certificate in use stays: {}", std::string(material.status().message()));
    return;
  }
  LogTls(files, *material);
  tls_->Replace(*std::move(material));
}

void Gate::ReloadTokens(const std::string& path) {
  absl::StatusOr<TokenSet> tokens = ReadTokens(path);
  if (!tokens.ok()) {
    spdlog::error("tokens not reloaded, those in use stay: {}", std::string(tokens.status().message()));
    return;
  }
  spdlog::info("{} tokens in {}", tokens->size(), path);
  access_->SetTokens(*std::move(tokens));
}

void Gate::Tick() {
  if (clock_.MonotonicNs() - warned_ns_ >= absl::ToInt64Nanoseconds(kWarnEvery)) Warn();
}

void Gate::Warn() {
  warned_ns_ = clock_.MonotonicNs();
  if (!warning_.empty()) spdlog::warn("{}", warning_);
}

}  // namespace metronome::server
