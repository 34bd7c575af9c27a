#include "server/pages/documents/report.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/benchmark/run_lifecycle.h"
#include "client/commands/commands.h"
#include "client/commands/compile.h"
#include "client/pages/finish_page.h"
#include "kernels/base/status_macros.h"
#include "server/pages/documents/earlier_run.h"
#include "server/pages/page.h"

namespace metronome::client {
namespace {

absl::StatusOr<std::string> FindEarlierRun(Connection& connection, const v1::Run& run) {
  v1::ListRunsRequest request;
  request.set_limit(pages::kEarlierRuns);
  v1::ListRunsResponse response;
  grpc::ClientContext context;
  RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().ListRuns(&context, request, &response)));
  return pages::EarlierRun(run, response);
}

// Compiles the model as its first result in the run had it, unless it is loaded.
absl::StatusOr<v1::ExplainResponse> Explain(Connection& connection, const v1::Run& run, const std::string& model) {
  v1::ExplainRequest request;
  request.set_model(model);
  request.set_past(64);
  v1::ExplainResponse response;
  grpc::ClientContext context;
  absl::Status status = FromGrpcStatus(connection.inference().Explain(&context, request, &response));
  if (!absl::IsFailedPrecondition(status)) {
    RETURN_IF_ERROR(status);
    return response;
  }
  const auto measured = std::find_if(run.results().begin(), run.results().end(),
                                     [&](const v1::BenchmarkResult& result) { return result.spec().model() == model; });
  if (measured == run.results().end())
    return absl::InvalidArgumentError(absl::StrCat("--explain ", model, ": the run has no result of it"));
  const v1::BenchmarkSpec& spec = measured->spec();
  CompileOptions options;
  options.model = model;
  options.dtype = spec.dtype();
  options.path = spec.path();
  options.weights = spec.weights();
  options.search_iterations = spec.search_iterations();
  options.layers = spec.layers();
  options.seed = spec.seed();
  RETURN_IF_ERROR(CompileWithProgress(connection, options).status());
  grpc::ClientContext again;
  RETURN_IF_ERROR(FromGrpcStatus(connection.inference().Explain(&again, request, &response)));
  return response;
}

absl::StatusOr<pages::ReportSources> Collect(Connection& connection, const ReportOptions& options) {
  pages::ReportSources sources;
  std::string run_id = options.run_id;
  if (run_id.empty()) {
    ASSIGN_OR_RETURN(run_id, NewestRun(connection));
  }
  ASSIGN_OR_RETURN(sources.run, GetRun(connection, run_id, OutputFormat::kJson));
  std::string earlier = options.baseline;
  if (earlier.empty()) {
    ASSIGN_OR_RETURN(earlier, FindEarlierRun(connection, sources.run));
  }
  if (!earlier.empty() && earlier != "none") {
    ASSIGN_OR_RETURN(sources.earlier, GetRun(connection, earlier, OutputFormat::kJson));
  }
  for (const std::string& model : options.explain) {
    ASSIGN_OR_RETURN(v1::ExplainResponse explanation, Explain(connection, sources.run, model));
    sources.explanations.push_back(std::move(explanation));
  }
  sources.title = options.page.title;
  sources.now_unix_micros = absl::ToUnixMicros(absl::Now());
  return sources;
}

}  // namespace

ExitCode WriteReport(const ServerOptions& server, const ReportOptions& options) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  absl::StatusOr<pages::ReportSources> sources = Collect(**connection, options);
  if (!sources.ok()) return Report(sources.status());
  const std::string name = absl::StrCat("report-", sources->run.run_id(), ".html");
  const std::string page = pages::Page(pages::ReportDocument(*std::move(sources)), pages::PageKind::kFile);
  return FinishPage(options.page, name, page);
}

}  // namespace metronome::client
