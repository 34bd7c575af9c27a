#ifndef METRONOME_SERVER_ACCESS_ACCESS_CONTROL_H_
#define METRONOME_SERVER_ACCESS_ACCESS_CONTROL_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "kernels/base/clock.h"
#include "server/access/rpc_access.h"
#include "server/access/token_file.h"
#include "server/metrics/metrics.h"

namespace metronome::server {

// Decides which calls are let in, counts the others, and logs them at most once a second. Without tokens everybody may
// do everything. Thread-safe.
class AccessControl {
 public:
  // Borrows both.
  AccessControl(Metrics& metrics, const Clock& clock) : metrics_(metrics), clock_(clock) {}

  // Calls from now on are judged by these; calls in progress go on.
  void SetTokens(TokenSet tokens);
  bool has_tokens() const { return Tokens() != nullptr; }

  // Whether a call of `path` with these authorization headers is let in. Unauthenticated without one valid token,
  // PermissionDenied for one whose roles do not suffice; the texts are the same whatever was asked for.
  absl::Status Admit(absl::string_view path, absl::Span<const absl::string_view> authorizations);

  // The same for a call that was let in and turns out to need an admin.
  absl::Status RequireAdmin(absl::string_view path, const grpc::ServerContextBase& context);

  // The name of the token of a call; empty without tokens.
  std::string CallerName(const grpc::ServerContextBase& context) const;

 private:
  std::shared_ptr<const TokenSet> Tokens() const;
  absl::Status Decide(const RpcAccess& rpc, RoleSet needed, absl::Span<const absl::string_view> authorizations);
  void Record(const RpcAccess& rpc, const absl::Status& denial, const std::string& caller);

  Metrics& metrics_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const TokenSet> tokens_ ABSL_GUARDED_BY(mutex_);
  std::optional<int64_t> logged_ns_ ABSL_GUARDED_BY(mutex_);  // Of the last denial in the log.
  int64_t unlogged_ ABSL_GUARDED_BY(mutex_) = 0;              // Denials since.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_ACCESS_CONTROL_H_
