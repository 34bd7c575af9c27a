#ifndef METRONOME_SERVER_RPC_CLIENT_IDENTITY_H_
#define METRONOME_SERVER_RPC_CLIENT_IDENTITY_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/strings/string_view.h"

namespace metronome::server {

// Who shares a client's limits: the host of a gRPC peer ("ipv4:10.0.0.7:41234" is "10.0.0.7"), whatever its port. Of
// IPv6 it is the network of 64 bits, any address of which a host may take; all of a Unix socket are "unix".
std::string HostOfPeer(absl::string_view peer);

// Whose limits a call counts against.
std::string ClientOf(const grpc::ServerContextBase& context);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_CLIENT_IDENTITY_H_
