#ifndef METRONOME_SERVER_DATABASE_SQLITE_H_
#define METRONOME_SERVER_DATABASE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// How long a statement waits for another process to let go of the database.
inline constexpr int kBusyTimeoutMs = 2000;

// A connection. Used by one thread at a time.
class Sqlite {
 public:
  // FailedPrecondition naming the path when it cannot be opened or created for writing.
  static absl::StatusOr<Sqlite> Open(const std::string& path);

  // Runs statements without parameters or rows. Errors as Error.
  absl::Status Execute(const std::string& sql);
  int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
  sqlite3* handle() const { return handle_.get(); }
  // The latest failure as a status that names the file: ResourceExhausted (no space, no memory), Unavailable (another
  // process holds the lock, or reading and writing fail), FailedPrecondition (read-only), DataLoss (damaged), Internal
  // (anything else: a mistake of ours).
  absl::Status Error() const;
  // Whether the file that was opened is no longer the one at its path.
  bool HasMoved() const;
  // Whether the file begins as databases do. Reads through the connection: opening the file once more in this process
  // and closing it would end SQLite's locks.
  bool HasHeader() const;
  // Leaves what is in the write-ahead log there when the connection is closed.
  void KeepLogOnClose();

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  explicit Sqlite(sqlite3* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement. Parameters bind in order; the first error sticks and comes out of Step or Run. After Run it
// starts anew, so that one statement serves many rows.
class Statement {
 public:
  Statement(const Sqlite& database, const std::string& sql);

  Statement& Bind(int64_t value);
  Statement& Bind(double value);
  Statement& Bind(absl::string_view value);
  Statement& Bind(std::optional<int64_t> value);  // nullopt: NULL.
  Statement& Bind(std::optional<double> value);
  Statement& BindOptionalText(const std::optional<std::string>& value);  // Of another name: literals fit both others.

  Statement& BindBlob(absl::string_view bytes);

  // True while there is a row to read. Errors as Sqlite::Error, of this and of Run.
  absl::StatusOr<bool> Step();
  // Runs to completion, rows ignored.
  absl::Status Run();

  // Columns of the current row, from 0, in the order of the query.
  int64_t Int();
  double Double();
  std::optional<int64_t> OptionalInt();
  std::optional<double> OptionalDouble();
  std::string Text();
  std::optional<std::string> OptionalText();
  std::optional<std::string> OptionalBlob();

 private:
  Statement& BindNull();
  bool SkipNull();  // Whether the next column is NULL; then it is passed.

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  const Sqlite& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  absl::Status error_;
  int parameter_ = 0;
  int column_ = 0;
};

// "?, ?, ?", one for each of the columns.
std::string Placeholders(absl::string_view columns);

// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Sqlite& database) : database_(database), status_(database.Execute("BEGIN IMMEDIATE")) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const absl::Status& status() const { return status_; }  // Of BEGIN.
  absl::Status Commit();

 private:
  Sqlite& database_;
  absl::Status status_;
  bool done_ = false;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DATABASE_SQLITE_H_
