// What happens to the file while it is in use.
#include "server/database/database_file.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/database/failing_vfs.h"
#include "tests/server/fake_clock.h"
#include "tests/server/store/store_test_results.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

class DatabaseFileTest : public testing::Test {
 protected:
  DatabaseFileTest() {
    absl::StatusOr<std::unique_ptr<RunStore>> store = RunStore::Open(path_, clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    run_ = StartRun(*store_);
    EXPECT_TRUE(store_->AddResult(run_, SmallResult(1)).ok());
  }
  void Move(const std::string& from, const std::string& to) { std::filesystem::rename(from, to); }
  // Another database, with a run that has `results` results.
  std::string MakeOther(int results) {
    const std::string path = directory_.File("other.db");
    const auto other = RunStore::Open(path, clock_);
    EXPECT_TRUE(other.ok()) << other.status();
    const std::string run = StartRun(**other);
    for (int i = 0; i < results; ++i) EXPECT_TRUE((*other)->AddResult(run, SmallResult(i)).ok());
    return path;
  }
  void ExpectUnavailable(const std::string& text) {
    for (const absl::Status& status :
         {store_->StartRun({}, {}).status(), store_->AddResult(run_, SmallResult(2)).status(),
          store_->FinishRun(run_, "complete"), store_->ListRuns(1).status(), store_->GetRun(run_).status(),
          store_->Check()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
      EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    }
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.File("runs.db"), moved_ = directory_.File("moved.db");
  FakeClock clock_;
  std::unique_ptr<RunStore> store_;
  std::string run_;
};

TEST_F(DatabaseFileTest, MovedFileIsMissedAndUsedAgainWhenItIsBack) {
  Move(path_, moved_);
  ExpectUnavailable("deleted or moved away");
  EXPECT_FALSE(std::filesystem::exists(path_));

  Move(moved_, path_);

  EXPECT_TRUE(store_->Check().ok());
  EXPECT_TRUE(store_->AddResult(run_, SmallResult(2)).ok());
  store_.reset();
  const auto later = RunStore::Open(path_, clock_);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ((*later)->GetRun(run_)->results_size(), 2);
}

// Whoever moves the file has all results in it, without the log beside it.
TEST_F(DatabaseFileTest, MovedFileIsWholeOnceItIsMissed) {
  Move(path_, moved_);
  EXPECT_FALSE(store_->Check().ok());
  const auto other = RunStore::Open(moved_, clock_);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ((*other)->GetRun(run_)->results_size(), 1);
}

TEST_F(DatabaseFileTest, DatabaseThatIsPutThereIsUsed) {
  const std::string other = MakeOther(3);
  std::filesystem::remove(path_);
  ExpectUnavailable("deleted or moved away");

  Move(other, path_);

  const auto runs = store_->ListRuns(10);
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_EQ(runs->runs_size(), 1);
  EXPECT_EQ(runs->runs(0).result_count(), 3);
  EXPECT_EQ(store_->AddResult(run_, SmallResult(2)).status().code(),
            run_ == runs->runs(0).run_id() ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->AddResult(StartRun(*store_), SmallResult(2)).ok());
}

// With nothing between, so that nobody notices that there was none.
TEST_F(DatabaseFileTest, ReplacedFileIsNoticedAndTheOldLogDoesNotSpoilIt) {
  const std::string other = MakeOther(3);
  Move(other, path_);
  const std::string run = StartRun(*store_);
  EXPECT_TRUE(store_->AddResult(run, SmallResult(7)).ok());
  store_.reset();
  absl::StatusOr<Sqlite> database = Sqlite::Open(path_);
  ASSERT_TRUE(database.ok());
  Statement check(*database, "SELECT (SELECT count(*) FROM results), integrity_check FROM pragma_integrity_check");
  ASSERT_TRUE(*check.Step());
  EXPECT_EQ(check.Int(), 4);
  EXPECT_EQ(check.Text(), "ok");
}

TEST_F(DatabaseFileTest, EmptyFileBeginsANewDatabase) {
  std::filesystem::remove(path_);
  std::ofstream(path_).close();
  EXPECT_EQ(store_->ListRuns(10)->runs_size(), 0);
  EXPECT_TRUE(store_->AddResult(StartRun(*store_), SmallResult(2)).ok());
}

TEST_F(DatabaseFileTest, WhatIsNoDatabaseIsSaidUntilOneIsThere) {
  const std::string other = MakeOther(1);
  std::filesystem::remove(path_);
  directory_.Write("runs.db", std::string(5000, 'x'));
  ExpectUnavailable("not a database");
  EXPECT_EQ(std::filesystem::file_size(path_), 5000u);
  Move(other, path_);
  EXPECT_EQ(store_->ListRuns(10)->runs_size(), 1);
}

TEST_F(DatabaseFileTest, TruncatedFileIsNoticed) {
  const std::string other = MakeOther(1);
  std::filesystem::resize_file(path_, 0);
  // What is left is an empty file: a new database begins, and nothing of the old one's log gets into it.
  EXPECT_TRUE(store_->Check().ok());
  EXPECT_EQ(store_->ListRuns(10)->runs_size(), 0);
  directory_.Write("runs.db", "overwritten");
  ExpectUnavailable("not a database");
  Move(other, path_);
  EXPECT_EQ(store_->ListRuns(10)->runs_size(), 1);
}

TEST_F(DatabaseFileTest, DeletedLogLosesNothing) {
  std::filesystem::remove(path_ + "-wal");
  EXPECT_TRUE(store_->AddResult(run_, SmallResult(2)).ok());
  EXPECT_TRUE(std::filesystem::exists(path_ + "-wal"));
  store_.reset();
  const auto later = RunStore::Open(path_, clock_);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ((*later)->GetRun(run_)->results_size(), 2);
}

TEST_F(DatabaseFileTest, LockOfAnotherProcessIsUnavailable) {
  absl::StatusOr<Sqlite> other = Sqlite::Open(path_);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  const absl::Status locked = store_->StartRun({}, {}).status();
  EXPECT_EQ(locked.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(locked.message()), HasSubstr(path_));
  EXPECT_THAT(std::string(locked.message()), HasSubstr("another process has held its lock"));
  EXPECT_EQ(store_->ListRuns(10)->runs_size(), 1);  // Reading goes on.
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  EXPECT_TRUE(store_->StartRun({}, {}).ok());
}

TEST(SqliteErrorTest, FailuresHaveCodesThatSayWhatToDo) {
  FailingVfs vfs;
  const TempDirectory directory;
  const FakeClock clock;
  const auto store = RunStore::Open(directory.File("runs.db"), clock);
  ASSERT_TRUE(store.ok()) << store.status();
  for (const auto& [code, expected] : {std::pair(SQLITE_FULL, absl::StatusCode::kResourceExhausted),
                                       {SQLITE_IOERR_WRITE, absl::StatusCode::kUnavailable},
                                       {SQLITE_IOERR_FSYNC, absl::StatusCode::kUnavailable},
                                       {SQLITE_READONLY, absl::StatusCode::kFailedPrecondition},
                                       {SQLITE_CORRUPT, absl::StatusCode::kDataLoss}}) {
    vfs.FailAfter(0, code);
    const absl::Status status = (*store)->StartRun({}, {}).status();
    vfs.Heal();
    EXPECT_EQ(status.code(), expected) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(directory.File("runs.db")));
  }
  EXPECT_TRUE((*store)->StartRun({}, {}).ok());
}

TEST(SqliteErrorTest, LimitOfPagesIsAFullDisk) {
  const TempDirectory directory;
  absl::StatusOr<Sqlite> database = Sqlite::Open(directory.File("small.db"));
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(database->Execute("CREATE TABLE t (x); PRAGMA max_page_count = 5").ok());
  const absl::Status full = database->Execute("INSERT INTO t VALUES (randomblob(100000))");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("full"));
}

}  // namespace
}  // namespace metronome::server
