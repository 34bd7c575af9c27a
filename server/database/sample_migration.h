#ifndef METRONOME_SERVER_DATABASE_SAMPLE_MIGRATION_H_
#define METRONOME_SERVER_DATABASE_SAMPLE_MIGRATION_H_

#include "absl/status/status.h"
#include "server/database/sqlite.h"

namespace metronome::server {

// Copies the rows of `samples` to `sample_blocks`, and computes the statistics of results that were stored before these
// were, so that afterwards no reading of a result reads its samples. About two seconds for a million samples.
absl::Status MoveSamplesToBlocks(Sqlite& database);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DATABASE_SAMPLE_MIGRATION_H_
