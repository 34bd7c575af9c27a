#include "server/rpc/transport.h"

namespace metronome::server {
namespace {

constexpr int kKeepaliveMs = 7000;  // Of silence before a ping, and again for its answer.
constexpr int kMinClientPingMs = 500;
// For a new connection to begin HTTP/2.
constexpr int kHandshakeMs = 20'000;
// Open calls of a connection; a client keeps further ones to itself. Four times what the queue takes by default.
constexpr int kMaxConcurrentStreams = 1024;

}  // namespace

void ConfigureTransport(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // As many as it takes.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
}

}  // namespace metronome::server
