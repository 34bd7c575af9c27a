#ifndef METRONOME_SERVER_DAEMON_LISTEN_ADDRESS_H_
#define METRONOME_SERVER_DAEMON_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// Where a server listens: a TCP port of an interface, or a Unix socket.
struct ListenAddress {
  std::string host;       // Name or address without brackets; empty for a Unix socket.
  int port = 0;           // 0 = any free one.
  std::string unix_path;  // Absolute; empty for TCP.

  bool is_unix() const { return !unix_path.empty(); }
  // Reached from this machine alone: a Unix socket, or a host all of whose addresses are in 127.0.0.0/8 or ::1.
  // Resolves names. FailedPrecondition for one that does not resolve.
  absl::StatusOr<bool> IsLocal() const;
  std::string ToString() const;  // "127.0.0.1:50551", "[::1]:50551", "unix:/run/metronome.sock".
};

// Takes host:port with a port in [0, 65535], [address]:port for IPv6, and unix:/path. InvalidArgument, saying what is
// wrong, for anything else: gRPC itself wraps ports around and takes a missing one for 443.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

// Why a server could not listen there: binds the address once more and returns what the system says.
// FailedPrecondition, in every case.
absl::Status WhyNotListening(const ListenAddress& address);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_LISTEN_ADDRESS_H_
