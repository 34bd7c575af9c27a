#include "server/database/database_file.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "kernels/base/status_macros.h"
#include "server/database/integrity.h"
#include "server/database/schema.h"

namespace metronome::server {
namespace {

// A second and a half gigabyte of a database that is in memory; a million samples take 11 MB.
constexpr absl::Duration kCheckTime = absl::Seconds(2);

// Copies a damaged log, which SQLite overwrites soon, for those who want to look into it.
void ReportLog(const std::string& log_path) {
  const absl::StatusOr<LogReport> report = ReadWriteAheadLog(log_path);
  if (!report.ok()) {
    spdlog::warn("the write-ahead log was not checked: {}", std::string(report.status().message()));
  } else if (report->damaged) {
    std::error_code error;
    const std::string copy = log_path + ".damaged";
    std::filesystem::copy_file(log_path, copy, std::filesystem::copy_options::overwrite_existing, error);
    spdlog::error(
        "{} is damaged: {} transactions ({} pages) before the damage are recovered, {} pages after it are lost; {}",
        log_path, report->transactions, report->frames, report->dropped,
        error ? absl::StrCat("it could not be copied: ", error.message()) : absl::StrCat("a copy is ", copy));
  } else if (report->frames + report->dropped > 0) {
    spdlog::info("{}: recovered {} transactions ({} pages); {} pages of one that was not finished are dropped",
                 log_path, report->transactions, report->frames, report->dropped);
  }
}

// SQLite does not wait for a lock, as it does otherwise, when two processes change a new database's journal at once.
absl::Status Prepare(Sqlite& database) {
  const absl::Time give_up = absl::Now() + absl::Milliseconds(kBusyTimeoutMs);
  for (;;) {
    absl::Status status =
        database.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    if (!absl::IsUnavailable(status) || absl::Now() > give_up) return status;
    absl::SleepFor(absl::Milliseconds(5));
  }
}

}  // namespace

std::optional<DatabaseFile::Identity> DatabaseFile::IdentityOf(const std::string& path) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) return std::nullopt;
  return Identity(facts.st_dev, facts.st_ino);
}

absl::StatusOr<std::unique_ptr<DatabaseFile>> DatabaseFile::Open(const std::string& path, bool alone) {
  auto file = std::unique_ptr<DatabaseFile>(new DatabaseFile(path));
  RETURN_IF_ERROR(file->Connect(alone));
  return file;
}

absl::Status DatabaseFile::Connect(bool alone) {
  if (alone) ReportLog(LogPath());
  ASSIGN_OR_RETURN(Sqlite database, Sqlite::Open(path_));
  RETURN_IF_ERROR(Prepare(database));
  ASSIGN_OR_RETURN(const bool checked, QuickCheck(database, kCheckTime));
  if (!checked)
    spdlog::info("database {} is large: it was checked for {}, not to its end", path_,
                 absl::FormatDuration(kCheckTime));
  RETURN_IF_ERROR(MigrateSchema(database));
  log_ = IdentityOf(LogPath());
  index_ = IdentityOf(IndexPath());
  database_.emplace(std::move(database));
  return absl::OkStatus();
}

absl::StatusOr<Sqlite*> DatabaseFile::Use() {
  if (!IdentityOf(path_).has_value()) {
    // Whoever moved the file has it whole then, without its log.
    if (!missing_ && database_.has_value()) database_->Execute("PRAGMA wal_checkpoint(TRUNCATE)").IgnoreError();
    if (!missing_) spdlog::error("database {} was deleted or moved away", path_);
    missing_ = true;
    return absl::UnavailableError(
        absl::StrCat("database ", path_, " was deleted or moved away; it is used again when it, or another, is there"));
  }
  if (std::exchange(missing_, false)) spdlog::info("database {} is there again", path_);
  if (!database_.has_value()) return Reconnect();
  if (database_->HasMoved()) {
    spdlog::warn("database {} was replaced: opening what is there now", path_);
    Abandon(true, true);
    return Reconnect();
  }
  if (!database_->HasHeader()) {
    spdlog::error("database {} was truncated or overwritten", path_);
    Abandon(false, true);
    return Reconnect();
  }
  if (log_.has_value() && IdentityOf(LogPath()) != log_) {
    spdlog::warn("{} was deleted or replaced: what it had is moved to the database", LogPath());
    Abandon(true, false);
    return Reconnect();
  }
  return &*database_;
}

absl::StatusOr<Sqlite*> DatabaseFile::Reconnect() {
  if (absl::Status status = Connect(false); !status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot use the database that is now at ", path_, ": ", status.message()));
  }
  spdlog::info("opened database {} again", path_);
  return &*database_;
}

// Closes the connection so that nothing of it is left at the path: SQLite would take a log there for that of whatever
// database stands beside it. A `whole` file gets what the log has first. What others put at the path meanwhile stays,
// and so does the index of a database that has not `moved`, which other processes may use.
void DatabaseFile::Abandon(bool whole, bool moved) {
  const bool emptied = whole && database_->Execute("PRAGMA wal_checkpoint(TRUNCATE)").ok();
  database_->KeepLogOnClose();
  database_.reset();
  std::error_code error;
  if (moved && IdentityOf(IndexPath()) == index_) std::filesystem::remove(IndexPath(), error);
  if (!moved || IdentityOf(LogPath()) != log_) return;
  if (emptied) {
    std::filesystem::remove(LogPath(), error);
    return;
  }
  const std::string aside = LogPath() + ".aside";
  std::filesystem::rename(LogPath(), aside, error);
  spdlog::warn("{} could not be written to the database that was there, and is now {}", LogPath(), aside);
}

}  // namespace metronome::server
