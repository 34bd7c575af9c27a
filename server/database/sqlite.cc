#include "server/database/sqlite.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace metronome::server {
namespace {

constexpr char kMagic[] = "SQLite format 3";  // With its final 0: the first 16 bytes of every database.

// The system's error of the last operation on this file that failed; 0 for none.
int LastErrno(sqlite3* handle, int which_file) {
  sqlite3_file* file = nullptr;
  int error = 0;
  if (sqlite3_file_control(handle, "main", which_file, &file) != SQLITE_OK || file == nullptr ||
      file->pMethods == nullptr || file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK)
    return 0;
  return error;
}

// SQLite knows ENOSPC as SQLITE_FULL; the others are limits of a user and of a process.
bool IsOutOfSpace(int code, int system_error) {
  return code == SQLITE_FULL ||
         (code == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG));
}

absl::StatusCode StatusCodeOf(int code, int system_error) {
  if (IsOutOfSpace(code, system_error)) return absl::StatusCode::kResourceExhausted;
  switch (code) {
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      return absl::StatusCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::StatusOr<Sqlite> Sqlite::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Sqlite database(handle);
  if (code != SQLITE_OK) {
    return absl::FailedPreconditionError(absl::StrCat("cannot open database ", path, ": ",
                                                      handle == nullptr ? "out of memory" : sqlite3_errmsg(handle)));
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  if (sqlite3_db_readonly(handle, "main") == 1)
    return absl::FailedPreconditionError(absl::StrCat("database ", path, " is read-only"));
  return database;
}

absl::Status Sqlite::Error() const {
  const int code = sqlite3_errcode(handle_.get()) & 0xff;  // The rest says more of the same kind.
  // sqlite3_system_errno would be what the unlocking left.
  int system_error = LastErrno(handle_.get(), SQLITE_FCNTL_JOURNAL_POINTER);
  if (system_error == 0) system_error = LastErrno(handle_.get(), SQLITE_FCNTL_FILE_POINTER);
  std::string text =
      absl::StrCat("database ", sqlite3_db_filename(handle_.get(), "main"), ": ", sqlite3_errmsg(handle_.get()));
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    absl::StrAppend(&text, ": another process has held its lock for more than ", kBusyTimeoutMs, " ms");
  if (code == SQLITE_IOERR && system_error != 0) absl::StrAppend(&text, ": ", std::strerror(system_error));
  return absl::Status(StatusCodeOf(code, system_error), text);
}

bool Sqlite::HasMoved() const {
  int moved = 0;
  return sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

bool Sqlite::HasHeader() const {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == nullptr)
    return false;
  char header[sizeof(kMagic)] = {};
  return file->pMethods->xRead(file, header, sizeof(header), 0) == SQLITE_OK &&
         std::memcmp(header, kMagic, sizeof(kMagic)) == 0;
}

void Sqlite::KeepLogOnClose() { sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr); }

absl::Status Sqlite::Execute(const std::string& sql) {
  return sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? absl::OkStatus() : Error();
}

Statement::Statement(const Sqlite& database, const std::string& sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database.handle(), sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    error_ = database.Error();
  statement_.reset(statement);
}

Statement& Statement::Bind(int64_t value) {
  if (error_.ok() && sqlite3_bind_int64(statement_.get(), ++parameter_, value) != SQLITE_OK) error_ = database_.Error();
  return *this;
}

Statement& Statement::Bind(double value) {
  if (error_.ok() && sqlite3_bind_double(statement_.get(), ++parameter_, value) != SQLITE_OK)
    error_ = database_.Error();
  return *this;
}

Statement& Statement::Bind(absl::string_view value) {
  if (error_.ok() && sqlite3_bind_text(statement_.get(), ++parameter_, value.data(), static_cast<int>(value.size()),
                                       SQLITE_TRANSIENT) != SQLITE_OK) {
    error_ = database_.Error();
  }
  return *this;
}

Statement& Statement::Bind(std::optional<int64_t> value) { return value.has_value() ? Bind(*value) : BindNull(); }

Statement& Statement::Bind(std::optional<double> value) { return value.has_value() ? Bind(*value) : BindNull(); }

Statement& Statement::BindOptionalText(const std::optional<std::string>& value) {
  return value.has_value() ? Bind(absl::string_view(*value)) : BindNull();
}

Statement& Statement::BindBlob(absl::string_view bytes) {
  // SQLite takes a null pointer for NULL, whatever the size.
  if (error_.ok() && sqlite3_bind_blob(statement_.get(), ++parameter_, bytes.empty() ? "" : bytes.data(),
                                       static_cast<int>(bytes.size()), SQLITE_TRANSIENT) != SQLITE_OK) {
    error_ = database_.Error();
  }
  return *this;
}

Statement& Statement::BindNull() {
  if (error_.ok() && sqlite3_bind_null(statement_.get(), ++parameter_) != SQLITE_OK) error_ = database_.Error();
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (!error_.ok()) return error_;
  column_ = 0;
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_.Error();
}

absl::Status Statement::Run() {
  for (;;) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (*row) continue;
    parameter_ = 0;
    sqlite3_reset(statement_.get());
    return absl::OkStatus();
  }
}

int64_t Statement::Int() { return sqlite3_column_int64(statement_.get(), column_++); }

double Statement::Double() { return sqlite3_column_double(statement_.get(), column_++); }

bool Statement::SkipNull() {
  if (sqlite3_column_type(statement_.get(), column_) != SQLITE_NULL) return false;
  ++column_;
  return true;
}

std::optional<int64_t> Statement::OptionalInt() { return SkipNull() ? std::nullopt : std::optional(Int()); }

std::optional<double> Statement::OptionalDouble() { return SkipNull() ? std::nullopt : std::optional(Double()); }

std::string Statement::Text() {
  const int column = column_++;
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return text == nullptr ? "" : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

std::optional<std::string> Statement::OptionalText() { return SkipNull() ? std::nullopt : std::optional(Text()); }

std::optional<std::string> Statement::OptionalBlob() {
  if (SkipNull()) return std::nullopt;
  const int column = column_++;
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<size_t>(size));
}

std::string Placeholders(absl::string_view columns) {
  std::string text = "?";
  for (const char c : columns) {
    if (c == ',') text += ", ?";
  }
  return text;
}

Transaction::~Transaction() {
  if (status_.ok() && !done_) database_.Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  done_ = true;
  absl::Status status = database_.Execute("COMMIT");
  if (!status.ok()) database_.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace metronome::server
