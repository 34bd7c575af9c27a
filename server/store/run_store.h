#ifndef METRONOME_SERVER_STORE_RUN_STORE_H_
#define METRONOME_SERVER_STORE_RUN_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "metronome/v1/benchmark.pb.h"
#include "runtime/base/clock.h"
#include "server/store/lease.h"
#include "server/store/sqlite.h"

namespace metronome {

// The record of benchmark runs in one SQLite file (write-ahead log, synchronous=FULL): when a call returns OK, its data
// survives a crash. Used from one thread, the database queue's.
class RunStore {
 public:
  // Creates the file and its directory and migrates the schema. Runs that a dead daemon left running become
  // interrupted, unless another daemon has the file open: then they wait for the next one that has it alone.
  // FailedPrecondition naming the path (no permission, read-only, written by a newer version, no database).
  static absl::StatusOr<std::unique_ptr<RunStore>> Open(const std::string& path, const Clock& clock);

  const std::string& path() const { return path_; }

  // Returns the id of a new run in state running. Internal.
  absl::StatusOr<std::string> StartRun(const v1::StartRunRequest& request, const v1::ServerEnvironment& server);

  // Stores a result and its samples, and returns its id. Its statistics are those of its samples (SummariseSamples).
  // NotFound (no such run), FailedPrecondition (the run is not running), Internal.
  absl::StatusOr<int64_t> AddResult(const std::string& run_id, const v1::BenchmarkResult& result);

  // NotFound, FailedPrecondition (not running), InvalidArgument (a state other than complete or failed).
  absl::Status FinishRun(const std::string& run_id, const std::string& state);

  // Pages of at most kMaxPageBytes; `page_token` is empty or that of the page before. InvalidArgument for another one.
  //
  // Newest first.
  absl::StatusOr<v1::ListRunsResponse> ListRuns(int limit, const std::string& page_token = "");
  // With results, without their samples. NotFound.
  absl::StatusOr<v1::Run> GetRun(const std::string& run_id, const std::string& page_token = "");
  // At most `limit` samples of a result. NotFound (no such result).
  absl::StatusOr<v1::ListSamplesResponse> ListSamples(int64_t result_id, int limit, const std::string& page_token = "");

  // OK while results may be added. NotFound, FailedPrecondition.
  absl::Status CheckRunning(const std::string& run_id);

 private:
  RunStore(Lease lease, Sqlite database, std::string path, const Clock& clock)
      : lease_(std::move(lease)), database_(std::move(database)), path_(std::move(path)), clock_(clock) {}
  absl::Status Summarise(v1::BenchmarkResult& result);

  Lease lease_;
  Sqlite database_;
  std::string path_;
  const Clock& clock_;
};

}  // namespace metronome

#endif  // METRONOME_SERVER_STORE_RUN_STORE_H_
