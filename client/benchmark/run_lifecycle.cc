#include "client/benchmark/run_lifecycle.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/ascii.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

// First line that a command prints; empty when it fails. Commands are literals of this file.
std::string OutputOf(const char* command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command, "r"), pclose);
  char line[256] = {};
  if (pipe == nullptr || fgets(line, sizeof(line), pipe.get()) == nullptr) return "";
  return std::string(absl::StripAsciiWhitespace(line));
}

v1::CallerEnvironment DescribeCaller() {
  v1::CallerEnvironment caller;
  caller.set_git_commit(OutputOf("git rev-parse HEAD 2>/dev/null"));
  caller.set_git_branch(OutputOf("git rev-parse --abbrev-ref HEAD 2>/dev/null"));
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) == 0) caller.set_host(host);
  return caller;
}

}  // namespace

absl::StatusOr<std::string> StartRun(Connection& connection, const std::string& mode, const std::string& note) {
  v1::StartRunRequest request;
  request.set_mode(mode);
  request.set_note(note);
  *request.mutable_caller() = DescribeCaller();
  grpc::ClientContext context;
  v1::StartRunResponse response;
  RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().StartRun(&context, request, &response)));
  return response.run_id();
}

absl::Status FinishRun(Connection& connection, const std::string& run_id, bool failed) {
  grpc::ClientContext context;
  v1::FinishRunRequest request;
  request.set_run_id(run_id);
  request.set_state(failed ? "failed" : "complete");
  v1::FinishRunResponse response;
  return FromGrpcStatus(connection.benchmark().FinishRun(&context, request, &response));
}

void AbandonRun(Connection& connection, const std::string& run_id, const absl::Status& why) {
  if (!absl::IsUnavailable(why)) FinishRun(connection, run_id, /*failed=*/true).IgnoreError();
}

absl::StatusOr<v1::Run> GetRun(Connection& connection, const std::string& run_id, OutputFormat output) {
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  v1::Run run;
  do {
    grpc::ClientContext context;
    v1::Run page;
    RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().GetRun(&context, request, &page)));
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    run.MergeFrom(page);
  } while (!request.page_token().empty());
  for (v1::BenchmarkResult& result : *run.mutable_results()) RETURN_IF_ERROR(FetchSamples(connection, output, result));
  return run;
}

absl::Status FetchSamples(Connection& connection, OutputFormat output, v1::BenchmarkResult& result) {
  // One that the daemon could not store yet has no id; its note says so.
  if (output != OutputFormat::kJson || result.sample_count() == 0 || result.result_id() == 0) return absl::OkStatus();
  v1::ListSamplesRequest request;
  request.set_result_id(result.result_id());
  do {
    grpc::ClientContext context;
    v1::ListSamplesResponse page;
    RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().ListSamples(&context, request, &page)));
    result.mutable_samples()->MergeFrom(page.samples());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

bool HasFailedResult(const v1::Run& run) {
  return std::any_of(run.results().begin(), run.results().end(),
                     [](const v1::BenchmarkResult& result) { return result.outcome() == "failed"; });
}

ExitCode PrintRun(const v1::Run& run, OutputFormat output) {
  std::fputs(RenderRun(run, output).c_str(), stdout);
  if (output == OutputFormat::kTable) std::printf("Run %s is %s.\n", run.run_id().c_str(), run.state().c_str());
  return HasFailedResult(run) ? ExitCode::kFailed : ExitCode::kOk;
}

}  // namespace metronome::client
