#ifndef METRONOME_SERVER_STORE_SQLITE_H_
#define METRONOME_SERVER_STORE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome {

// A connection. Used by one thread at a time.
class Sqlite {
 public:
  // FailedPrecondition naming the path when it cannot be opened or created for writing.
  static absl::StatusOr<Sqlite> Open(const std::string& path);

  // Runs statements without parameters or rows. Internal with SQLite's message.
  absl::Status Execute(const std::string& sql);
  int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
  sqlite3* handle() const { return handle_.get(); }
  // The latest failure as a status that names the file.
  absl::Status Error() const;

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

  // True while there is a row to read. Internal.
  absl::StatusOr<bool> Step();
  // Runs to completion, rows ignored. Internal.
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

}  // namespace metronome

#endif  // METRONOME_SERVER_STORE_SQLITE_H_
