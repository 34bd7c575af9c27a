#ifndef METRONOME_SERVER_DATABASE_INTEGRITY_H_
#define METRONOME_SERVER_DATABASE_INTEGRITY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/database/sqlite.h"

namespace metronome::server {

// Runs SQLite's quick_check, which reads every page, for at most `limit`: a damaged database is told before anything is
// written to it. False when time ran out with nothing found. DataLoss with the first thing that is wrong.
absl::StatusOr<bool> QuickCheck(Sqlite& database, absl::Duration limit);

// What SQLite will make of a write-ahead log that nobody has open: of the frames since it was last begun, those up to
// the last whole transaction are recovered and the rest is dropped without a word.
struct LogReport {
  int64_t transactions = 0;  // Recovered.
  int64_t frames = 0;        // Of these.
  int64_t dropped = 0;       // Frames after them. Of a process that was killed while it wrote some are normal.
  bool damaged = false;      // The first of these has a wrong checksum, or the log's header is no such header.
};

// All zero for a log that is not there or empty. Unavailable when it cannot be read.
//
// Source: https://www.sqlite.org/fileformat2.html, section 4.
absl::StatusOr<LogReport> ReadWriteAheadLog(const std::string& path);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DATABASE_INTEGRITY_H_
