#ifndef METRONOME_SERVER_DATABASE_DATABASE_FILE_H_
#define METRONOME_SERVER_DATABASE_DATABASE_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/database/sqlite.h"

namespace metronome::server {

// The database at a path, whatever happens to the file meanwhile. One that is deleted or moved away leaves the daemon
// waiting: nothing goes to a file that nobody can find, and none is made in its place. When it is back, or when another
// database is put there (an empty file begins a new one), that one is used. Used from one thread.
class DatabaseFile {
 public:
  // Opens or creates it (write-ahead log, synchronous=FULL), checks it for at most kCheckTime, migrates its schema, and
  // logs what a damaged write-ahead log lost if the caller is `alone`: nobody else has it open. Errors name the path.
  static absl::StatusOr<std::unique_ptr<DatabaseFile>> Open(const std::string& path, bool alone);

  const std::string& path() const { return path_; }

  // The connection, once the files are known to be those at the path; opens them again where they are others. Costs two
  // stats and a read of 16 bytes. Unavailable (there is no file), or why the one that is there cannot be used.
  absl::StatusOr<Sqlite*> Use();

 private:
  explicit DatabaseFile(std::string path) : path_(std::move(path)) {}

  using Identity = std::tuple<dev_t, ino_t>;
  static std::optional<Identity> IdentityOf(const std::string& path);
  absl::Status Connect(bool alone);
  absl::StatusOr<Sqlite*> Reconnect();
  void Abandon(bool whole, bool moved);
  std::string LogPath() const { return path_ + "-wal"; }
  std::string IndexPath() const { return path_ + "-shm"; }

  const std::string path_;
  std::optional<Sqlite> database_;       // Nothing while what is at the path cannot be used.
  std::optional<Identity> log_, index_;  // Of the write-ahead log that the connection writes to, and of its index.
  bool missing_ = false;                 // The file was not at its path the last time.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DATABASE_DATABASE_FILE_H_
