#ifndef METRONOME_SERVER_DATABASE_SCHEMA_H_
#define METRONOME_SERVER_DATABASE_SCHEMA_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/database/sqlite.h"

namespace metronome::server {

// Step i, in SQL, takes a database of version i to i + 1.
absl::Span<const char* const> SchemaMigrations();

// Brings a database to the current schema, one transaction a version, with `PRAGMA user_version` as the record.
// FailedPrecondition for a database that a newer version of this program wrote.
absl::Status MigrateSchema(Sqlite& database);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DATABASE_SCHEMA_H_
