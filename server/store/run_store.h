#ifndef METRONOME_SERVER_STORE_RUN_STORE_H_
#define METRONOME_SERVER_STORE_RUN_STORE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/base/clock.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/database/database_file.h"
#include "server/database/lease.h"
#include "server/database/sqlite.h"
#include "server/store/new_result.h"

namespace metronome::server {

// The record of benchmark runs in one SQLite file: when a call returns OK, its data survives a crash. Used from one
// thread, the database queue's.
//
// Errors of all calls: Unavailable (the file is gone or cannot be read, or another process holds its lock),
// ResourceExhausted (the disk is full), FailedPrecondition (read-only), DataLoss (damaged), Internal; the text names
// the file.
class RunStore {
 public:
  // Creates the file and its directory and migrates the schema. Runs that dead daemons left running become interrupted;
  // those of the living stay. FailedPrecondition naming the path (no permission, read-only, written by a newer version,
  // damaged, no database).
  static absl::StatusOr<std::unique_ptr<RunStore>> Open(const std::string& path, const Clock& clock);
  // Runs of this daemon that are still running become interrupted.
  ~RunStore();

  const std::string& path() const { return file_->path(); }
  int64_t place() const { return lease_.place(); }

  // Whether the database could be used now; finds one that is back. Errors as above.
  absl::Status Check() { return file_->Use().status(); }

  // How long the next calls wait for another process to let go of the database; kBusyTimeoutMs until told.
  void WaitForLocks(int timeout_ms);

  // Returns the id of a new run in state running.
  absl::StatusOr<std::string> StartRun(const v1::StartRunRequest& request, const v1::ServerEnvironment& server);

  // A run to which results may be added, without its results. NotFound, FailedPrecondition (it is not running).
  absl::StatusOr<v1::Run> GetRunning(const std::string& run_id);

  // Stores a part of a result, 60 ms' worth at most, and returns nothing; with the last part its id. A result whose key
  // is stored already is that one. Its run need not be running any more; one that is not there, since the database is
  // another, is added as an interrupted one. After an error the next call begins anew.
  absl::StatusOr<std::optional<int64_t>> StoreSome(NewResult& result);

  // Stores a result and its samples in a run that is running, and returns its id. NotFound, FailedPrecondition.
  absl::StatusOr<int64_t> AddResult(const std::string& run_id, const v1::BenchmarkResult& result);

  // NotFound, FailedPrecondition (not running), InvalidArgument (a state other than complete or failed).
  absl::Status FinishRun(const std::string& run_id, const std::string& state);
  // A running one becomes interrupted; any other stays as it is.
  absl::Status InterruptRun(const std::string& run_id);

  // Pages of at most kMaxPageBytes; `page_token` is empty or that of the page before. InvalidArgument for another one.
  //
  // Newest first.
  absl::StatusOr<v1::ListRunsResponse> ListRuns(int limit, const std::string& page_token = "");
  // With results, without their samples. NotFound.
  absl::StatusOr<v1::Run> GetRun(const std::string& run_id, const std::string& page_token = "");
  // At most `limit` samples of a result. NotFound (no such result).
  absl::StatusOr<v1::ListSamplesResponse> ListSamples(int64_t result_id, int limit, const std::string& page_token = "");

 private:
  RunStore(Lease lease, std::unique_ptr<DatabaseFile> file, const Clock& clock)
      : lease_(std::move(lease)), file_(std::move(file)), clock_(clock) {}
  absl::Status InterruptRunsOfTheDead();

  const Lease lease_;
  const std::unique_ptr<DatabaseFile> file_;
  const Clock& clock_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_RUN_STORE_H_
