#ifndef METRONOME_SERVER_ACCESS_TLS_FILES_H_
#define METRONOME_SERVER_ACCESS_TLS_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace metronome::server {

// Where the PEM files are; empty names for none.
struct TlsFiles {
  std::string certificate;  // The server's, then those between it and its authority.
  std::string key;          // Unencrypted, of the first certificate.
  std::string client_ca;    // Authorities whose clients may connect; empty = all clients may.

  bool empty() const { return certificate.empty(); }
};

// What they hold, fit to serve with.
struct TlsMaterial {
  std::string certificate, key, client_ca;  // PEM.
  absl::Time expires;                       // The server's certificate.
};

// Reads and checks them. The error names the flag and the file: NotFound, PermissionDenied and others for a file that
// cannot be read; InvalidArgument for one that holds no or a damaged certificate or key, an encrypted key, one that
// belongs to another certificate or that OpenSSL finds too weak; FailedPrecondition for a certificate that has expired
// or is not valid yet. Nothing of a key is quoted.
absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_TLS_FILES_H_
