#include <cstdio>
#include <string>

#include "client/commands/commands.h"

namespace metronome::client {

ExitCode UnloadModel(const ServerOptions& server, const std::string& model) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  grpc::ClientContext context;
  v1::UnloadRequest request;
  request.set_model(model);
  v1::UnloadResponse response;
  const absl::Status status = FromGrpcStatus((*connection)->inference().Unload(&context, request, &response));
  if (!status.ok()) return Report(status);
  std::printf("%s unloaded, %d sessions closed\n", model.c_str(), response.sessions_closed());
  return ExitCode::kOk;
}

}  // namespace metronome::client
