#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/benchmark/result_file.h"
#include "client/benchmark/run_lifecycle.h"
#include "client/commands/commands.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

constexpr char kMode[] = "external";

absl::StatusOr<std::string> ReadText(const std::string& file) {
  std::ifstream stream;
  if (file != "-") {
    stream.open(file, std::ios::binary);
    stream.peek();  // A directory opens, and fails when it is read.
    if (!stream.is_open() || stream.bad()) return absl::InvalidArgumentError(absl::StrCat("cannot read ", file));
  }
  std::ostringstream text;
  text << (file == "-" ? std::cin.rdbuf() : stream.rdbuf());
  return text.str();
}

absl::StatusOr<std::vector<PlacedResult>> ReadFile(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(file));
  return ReadResults(text, file == "-" ? "standard input" : file);
}

// Every file's first problem in one status.
absl::Status Join(const std::vector<std::string>& problems) {
  return problems.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

absl::StatusOr<std::vector<PlacedResult>> ReadFiles(const std::vector<std::string>& files) {
  std::vector<PlacedResult> all;
  std::vector<std::string> problems;
  for (const std::string& file : files) {
    absl::StatusOr<std::vector<PlacedResult>> results = ReadFile(file);
    if (!results.ok()) {
      problems.emplace_back(results.status().message());
      continue;
    }
    std::move(results->begin(), results->end(), std::back_inserter(all));
  }
  RETURN_IF_ERROR(Join(problems));
  return all;
}

absl::Status Send(Connection& connection, const std::string& run_id, const v1::BenchmarkResult& result,
                  bool validate_only) {
  v1::RecordResultRequest request;
  request.set_run_id(run_id);
  *request.mutable_result() = result;
  request.set_validate_only(validate_only);
  grpc::ClientContext context;
  v1::RecordResultResponse response;
  return FromGrpcStatus(connection.benchmark().RecordResult(&context, request, &response));
}

absl::Status At(const std::string& place, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(place, ": ", status.message()));
}

// The daemon judges them all before it keeps the first.
absl::Status Check(Connection& connection, const std::string& run_id, const std::vector<PlacedResult>& results) {
  std::vector<std::string> problems;
  for (const PlacedResult& placed : results) {
    const absl::Status status = At(placed.place, Send(connection, run_id, placed.result, true));
    if (absl::IsInvalidArgument(status)) {
      problems.emplace_back(status.message());
    } else if (!status.ok()) {
      return status;
    }
  }
  return Join(problems);
}

absl::StatusOr<v1::Run> Record(Connection& connection, const RecordOptions& options,
                               const std::vector<PlacedResult>& results) {
  RETURN_IF_ERROR(Check(connection, options.run_id, results));
  std::string run_id = options.run_id;
  if (run_id.empty()) {
    ASSIGN_OR_RETURN(run_id, StartRun(connection, kMode, options.note));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const absl::Status status = At(results[i].place, Send(connection, run_id, results[i].result, false));
    if (status.ok()) continue;
    if (options.run_id.empty()) AbandonRun(connection, run_id, status);
    return absl::Status(status.code(), absl::StrCat(status.message(), "; run ", run_id, " has ", i, " of the ",
                                                    results.size(), " results"));
  }
  ASSIGN_OR_RETURN(v1::Run run, GetRun(connection, run_id, options.output));
  if (options.keep_open) return run;
  RETURN_IF_ERROR(FinishRun(connection, run_id, HasFailedResult(run)));
  return GetRun(connection, run_id, options.output);
}

}  // namespace

ExitCode RecordResults(const ServerOptions& server, const RecordOptions& options) {
  const absl::StatusOr<std::vector<PlacedResult>> results = ReadFiles(options.files);
  if (!results.ok()) return Report(results.status());
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<v1::Run> run = Record(**connection, options, *results);
  if (!run.ok()) return Report(run.status());
  return PrintRun(*run, options.output);
}

}  // namespace metronome::client
