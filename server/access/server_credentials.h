#ifndef METRONOME_SERVER_ACCESS_SERVER_CREDENTIALS_H_
#define METRONOME_SERVER_ACCESS_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/access/access_control.h"
#include "server/access/tls_files.h"

namespace metronome::server {

// The certificate and key that the next connection is made with. Thread-safe.
class TlsIdentity {
 public:
  explicit TlsIdentity(TlsMaterial material) : material_(std::move(material)) {}

  // Connections that exist go on as they are.
  void Replace(TlsMaterial material);
  // What is to be used if it is not what the last call returned.
  std::optional<TlsMaterial> TakeIfNew();

 private:
  absl::Mutex mutex_;
  TlsMaterial material_ ABSL_GUARDED_BY(mutex_);
  bool taken_ ABSL_GUARDED_BY(mutex_) = false;
};

// What a server's port takes connections and calls with. Every call, of whatever service, is put before `access` when
// its headers have come and before its message is read. With `tls`, connections are TLS; with `require_client`, clients
// must show a certificate that an authority of the identity's client_ca has signed. For one port.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(std::shared_ptr<AccessControl> access,
                                                               std::shared_ptr<TlsIdentity> tls, bool require_client);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_SERVER_CREDENTIALS_H_
