#include <cstdio>

#include "client/commands.h"

namespace metronome {

ExitCode ListRuns(const ServerOptions& server, int limit, OutputFormat output) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  grpc::ClientContext context;
  v1::ListRunsRequest request;
  request.set_limit(limit);
  v1::ListRunsResponse response;
  const absl::Status status = FromGrpcStatus((*connection)->benchmark().ListRuns(&context, request, &response));
  if (!status.ok()) return Report(status);
  std::fputs(RenderRuns({response.runs().begin(), response.runs().end()}, output).c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace metronome
