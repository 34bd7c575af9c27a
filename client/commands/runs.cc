#include <cstdio>

#include "client/commands/commands.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {

namespace {

// The newest runs, page by page; `limit` 0 leaves their number to the daemon.
absl::StatusOr<std::vector<v1::Run>> Fetch(Connection& connection, int limit) {
  v1::ListRunsRequest request;
  request.set_limit(limit);
  std::vector<v1::Run> runs;
  do {
    grpc::ClientContext context;
    v1::ListRunsResponse page;
    RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().ListRuns(&context, request, &page)));
    runs.insert(runs.end(), page.runs().begin(), page.runs().end());
    request.set_page_token(page.next_page_token());
    request.set_limit(limit - static_cast<int>(runs.size()));
  } while (request.limit() > 0 && !request.page_token().empty());
  return runs;
}

}  // namespace

ExitCode ListRuns(const ServerOptions& server, int limit, OutputFormat output) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<std::vector<v1::Run>> runs = Fetch(**connection, limit);
  if (!runs.ok()) return Report(runs.status());
  std::fputs(RenderRuns(*runs, output).c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace metronome::client
