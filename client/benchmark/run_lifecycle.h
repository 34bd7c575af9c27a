#ifndef METRONOME_CLIENT_BENCHMARK_RUN_LIFECYCLE_H_
#define METRONOME_CLIENT_BENCHMARK_RUN_LIFECYCLE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/exit_code.h"
#include "client/connection/connection.h"
#include "client/render/results.h"

namespace metronome::client {

// What commands that make or show a run have in common.

// Opens a run that says where it was asked for: this host and the git checkout of the working directory. Returns its
// id. Errors of the RPC, as below.
absl::StatusOr<std::string> StartRun(Connection& connection, const std::string& mode, const std::string& note);

absl::Status FinishRun(Connection& connection, const std::string& run_id, bool failed);

// Closes a run as failed because of `why`, which tells more than any error of this. Nobody waits for a daemon that does
// not answer.
void AbandonRun(Connection& connection, const std::string& run_id, const absl::Status& why);

// A run with all its results, page by page; with their samples where `output` shows them.
absl::StatusOr<v1::Run> GetRun(Connection& connection, const std::string& run_id, OutputFormat output);

// Fills in the samples that the daemon keeps of a result, where `output` shows them.
absl::Status FetchSamples(Connection& connection, OutputFormat output, v1::BenchmarkResult& result);

bool HasFailedResult(const v1::Run& run);

// Prints a run on standard output. kFailed where it has a failed result.
ExitCode PrintRun(const v1::Run& run, OutputFormat output);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_BENCHMARK_RUN_LIFECYCLE_H_
