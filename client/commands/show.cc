#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/benchmark/run_lifecycle.h"
#include "client/commands/commands.h"
#include "client/render/format.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

// What runs the kernels.
std::string DeviceOf(const v1::ServerEnvironment& machine) {
  if (machine.gpu_name().empty()) return machine.cpu_model();
  return absl::StrCat(machine.gpu_name(), " (driver ", machine.gpu_driver().empty() ? "?" : machine.gpu_driver(),
                      ", CUDA ", machine.cuda_version(), ")");
}

absl::StatusOr<v1::Run> Fetch(Connection& connection, std::string run_id, OutputFormat output) {
  if (run_id.empty()) {
    ASSIGN_OR_RETURN(run_id, NewestRun(connection));
  }
  return GetRun(connection, run_id, output);
}

}  // namespace

absl::StatusOr<std::string> NewestRun(Connection& connection) {
  grpc::ClientContext context;
  v1::ListRunsRequest request;
  request.set_limit(1);
  v1::ListRunsResponse response;
  RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().ListRuns(&context, request, &response)));
  if (response.runs().empty()) return absl::NotFoundError("no runs have been recorded");
  return response.runs(0).run_id();
}

ExitCode ShowRun(const ServerOptions& server, const std::string& run_id, OutputFormat output) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<v1::Run> run = Fetch(**connection, run_id, output);
  if (!run.ok()) return Report(run.status());
  if (output == OutputFormat::kTable) {
    const v1::ServerEnvironment& machine = run->server();
    std::printf("Run %s (%s, %s), started %s UTC on %s: %s, %d threads, %s, %s of memory\n", run->run_id().c_str(),
                run->mode().c_str(), run->state().c_str(), FormatTime(run->started_unix_micros()).c_str(),
                machine.host().c_str(), DeviceOf(machine).c_str(), machine.threads(), machine.instruction_set().c_str(),
                FormatBytes(machine.memory_total_bytes()).c_str());
  }
  std::fputs(RenderRun(*run, output).c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace metronome::client
