#ifndef METRONOME_SERVER_RPC_TRANSPORT_H_
#define METRONOME_SERVER_RPC_TRANSPORT_H_

#include <grpcpp/server_builder.h>

namespace metronome::server {

// How the server treats connections. It pings a silent one and closes it, which cancels its calls, when no answer
// comes: a host that vanished is noticed within 15 seconds. Clients may ping twice a second, with and without calls.
void ConfigureTransport(grpc::ServerBuilder& builder);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_TRANSPORT_H_
