#ifndef METRONOME_SERVER_STORE_RUN_ARCHIVE_H_
#define METRONOME_SERVER_STORE_RUN_ARCHIVE_H_

#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/base/clock.h"
#include "server/database/lease.h"
#include "server/store/new_result.h"
#include "server/store/run_store.h"
#include "server/store/spool.h"

namespace metronome::server {

struct RunArchiveOptions {
  std::string path;                          // The database.
  std::string spare_directory;               // For spools where the directory of the database takes none; empty = none.
  int64_t spool_bytes = int64_t{256} << 20;  // Of a spool; a million samples take 11 MB.
};

// A RunStore that loses no measurement while its database cannot be written (a full disk, a file that is gone, a lock
// that another process holds): a result goes to a spool beside the database then, or in the spare directory, and from
// there to the database as soon as that is possible, once. Spools that dead daemons left are taken over.
//
// Used from one thread, but for ready().
class RunArchive {
 public:
  // As RunStore::Open. A spool that cannot be read is logged and left alone.
  static absl::StatusOr<std::unique_ptr<RunArchive>> Open(RunArchiveOptions options, const Clock& clock);

  RunStore& store() { return *store_; }
  const Clock& clock() const { return clock_; }

  // What became of a result.
  struct Kept {
    int64_t id = 0;       // Of the stored result; 0 when it is not in the database yet.
    absl::Status status;  // Why not.
    std::string note;     // For whoever measured; empty when it was stored.
  };
  // Stores or spools a part of a result; nothing while there is more to store, so that other work comes between.
  std::optional<Kept> KeepSome(NewResult& result);

  // The run becomes interrupted, now or when the database can be written; false for later.
  bool Interrupt(const std::string& run_id);

  // Looks after the database and stores a part of what is spooled. True while there is more to do at once; otherwise to
  // be called again in a second or so, and after a result was stored.
  bool Maintain();

  // Whether results can be stored, as the last call of any of the above found it. Thread-safe.
  bool ready() const { return ready_.load(std::memory_order_relaxed); }

 private:
  struct Source {
    Spool spool;
    std::shared_ptr<Lease> place;  // Of the dead daemon that wrote it, so that nobody else takes it; null for our own.
  };

  RunArchive(RunArchiveOptions options, std::unique_ptr<RunStore> store, const Clock& clock)
      : options_(std::move(options)), store_(std::move(store)), clock_(clock) {}
  std::vector<std::string> SpoolPaths(int64_t place) const;
  void AddSpools(int64_t place, const std::shared_ptr<Lease>& lease);
  void TakeOverSpools();
  absl::StatusOr<std::string> SpoolResult(const NewResult& result);
  bool ReadNext();
  bool DrainSome();

  const RunArchiveOptions options_;
  const std::unique_ptr<RunStore> store_;
  const Clock& clock_;
  std::list<Source> sources_;
  std::list<Source>::iterator draining_;  // Where next_ comes from.
  std::optional<NewResult> next_;         // The first record of that spool, while it is being stored.
  std::set<std::string> interrupted_;     // Runs that could not be marked yet.
  std::atomic<bool> ready_{true};
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_RUN_ARCHIVE_H_
