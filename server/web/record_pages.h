#ifndef METRONOME_SERVER_WEB_RECORD_PAGES_H_
#define METRONOME_SERVER_WEB_RECORD_PAGES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/engine/work_queue.h"
#include "server/pages/documents/history.h"
#include "server/pages/documents/report.h"
#include "server/store/run_archive.h"

namespace metronome::server {

// A document as it is now; without text where the reader has it.
struct PageDocument {
  std::string tag;
  std::string text;
};

// The documents of the pages, read from the record piece by piece, so that results are stored in between. What is in
// the record already is not read again for the next document. Thread-safe.
class RecordPages {
 public:
  // `archive` is used on `database` alone; both are borrowed.
  RecordPages(RunArchive& archive, WorkQueue& database) : archive_(archive), database_(database) {}

  // `known_tag` is that of the document that the reader has, or empty. Errors of RunStore; ResourceExhausted and
  // Unavailable of the queue.
  absl::StatusOr<PageDocument> Dashboard(const std::string& known_tag);
  // NotFound. "latest" is the newest run.
  absl::StatusOr<PageDocument> Report(const std::string& run_id, const std::string& known_tag);

 private:
  // What of a run is in the history.
  struct Known {
    int64_t started_unix_micros = 0;
    std::string state;
    int32_t results = 0;
    int64_t newest = 0;  // Result.
  };

  // Runs `read` on the database's thread and waits for it.
  absl::Status Read(const std::function<absl::Status()>& read);
  absl::StatusOr<v1::ListRunsResponse> Runs(int limit, const std::string& page_token = "");
  absl::StatusOr<v1::Run> RunWith(const std::string& run_id, bool samples);
  absl::Status ReadSamples(v1::BenchmarkResult& result);
  absl::Status Update() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RunArchive& archive_;
  WorkQueue& database_;
  absl::Mutex mutex_;  // One document at a time.
  std::unique_ptr<pages::History> history_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the history: grows with each change.
  PageDocument dashboard_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_WEB_RECORD_PAGES_H_
