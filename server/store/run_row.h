#ifndef METRONOME_SERVER_STORE_RUN_ROW_H_
#define METRONOME_SERVER_STORE_RUN_ROW_H_

#include <string>

#include "absl/status/status.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/database/sqlite.h"

namespace metronome::server {

// Inserts a run that `owner` (a place, lease.h) started; one with an id that is taken is not. sqlite3_changes tells.
absl::Status InsertRun(Sqlite& database, const v1::Run& run, int64_t owner);

// A query of runs, to which a WHERE may be added, whose rows ReadRun reads.
const std::string& RunQuery();
v1::Run ReadRun(Statement& row);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_RUN_ROW_H_
