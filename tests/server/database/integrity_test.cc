#include "server/database/integrity.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/store/store_test_results.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

void Overwrite(const std::string& path, int64_t at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file << bytes;
}

class IntegrityTest : public testing::Test {
 protected:
  // Makes a database whose process ended without closing it after that many results: all but the schema is in the log.
  void LeaveLog(int results) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      absl::StatusOr<std::unique_ptr<RunStore>> store = RunStore::Open(path_, Clock::Real());
      const std::string run = StartRun(**store);
      for (int i = 0; i < results; ++i) {
        if (!(*store)->AddResult(run, SmallResult(i)).ok()) _exit(1);
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  LogReport Read() const {
    const absl::StatusOr<LogReport> report = ReadWriteAheadLog(log_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(LogReport());
  }
  int ResultsLeft() const {
    const auto store = RunStore::Open(path_, Clock::Real());
    EXPECT_TRUE(store.ok()) << store.status();
    const auto runs = (*store)->ListRuns(1);
    return runs.ok() && runs->runs_size() == 1 ? runs->runs(0).result_count() : -1;
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.File("runs.db"), log_ = path_ + "-wal";
};

TEST_F(IntegrityTest, WholeLogIsRecoveredWhole) {
  EXPECT_EQ(Read().frames, 0);
  LeaveLog(5);
  const LogReport report = Read();
  EXPECT_GE(report.transactions, 6);
  EXPECT_GE(report.frames, report.transactions);
  EXPECT_EQ(report.dropped, 0);
  EXPECT_FALSE(report.damaged);
  EXPECT_EQ(ResultsLeft(), 5);
}

// What SQLite makes of it is what the report says: results up to the damage.
TEST_F(IntegrityTest, DamageIsToldWithWhatIsRecovered) {
  LeaveLog(8);
  const LogReport whole = Read();
  const auto size = static_cast<int64_t>(std::filesystem::file_size(log_));
  Overwrite(log_, size / 4 * 3, "damage");
  const LogReport report = Read();
  EXPECT_TRUE(report.damaged);
  EXPECT_LT(report.transactions, whole.transactions);
  EXPECT_GT(report.transactions, whole.transactions / 2);
  EXPECT_EQ(report.frames + report.dropped, whole.frames);
  const int left = ResultsLeft();
  EXPECT_LT(left, 8);
  EXPECT_GT(left, 2);
  EXPECT_EQ(whole.transactions - report.transactions, 8 - left);
  EXPECT_TRUE(std::filesystem::exists(log_ + ".damaged"));
}

TEST_F(IntegrityTest, DamagedSaltsAreDamageToo) {
  LeaveLog(3);
  const LogReport whole = Read();
  Overwrite(log_, 32 + 4 * (24 + 4096) + 8, "salty");
  const LogReport report = Read();
  EXPECT_TRUE(report.damaged);
  EXPECT_LE(report.frames, 4);
  EXPECT_EQ(report.frames + report.dropped, whole.frames - 1);
}

TEST_F(IntegrityTest, CutLogLosesItsLastTransactionsWithoutBeingDamaged) {
  LeaveLog(3);
  const LogReport whole = Read();
  std::filesystem::resize_file(log_, std::filesystem::file_size(log_) - 100);
  const LogReport report = Read();
  EXPECT_FALSE(report.damaged);
  EXPECT_EQ(report.transactions, whole.transactions - 1);
  EXPECT_EQ(report.frames + report.dropped, whole.frames);
  EXPECT_EQ(ResultsLeft(), 2);
}

TEST_F(IntegrityTest, DamagedHeaderLosesAll) {
  LeaveLog(3);
  Overwrite(log_, 5, "x");
  const LogReport report = Read();
  EXPECT_TRUE(report.damaged);
  EXPECT_EQ(report.transactions, 0);
  std::filesystem::resize_file(log_, 10);
  EXPECT_TRUE(Read().damaged);
}

TEST_F(IntegrityTest, DamagedDatabaseIsRefusedAndKept) {
  {
    const auto store = RunStore::Open(path_, Clock::Real());
    const std::string run = StartRun(**store);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE((*store)->AddResult(run, SmallResult(i)).ok());
  }
  const auto size = std::filesystem::file_size(path_);
  for (uintmax_t page = 2; page < size / 4096; ++page)
    Overwrite(path_, static_cast<int64_t>(page) * 4096, std::string(64, '\xee'));

  const auto store = RunStore::Open(path_, Clock::Real());

  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(path_));
  EXPECT_THAT(std::string(store.status().message()), testing::AnyOf(HasSubstr("damaged"), HasSubstr("malformed")));
  EXPECT_EQ(std::filesystem::file_size(path_), size);
}

TEST_F(IntegrityTest, CheckHasAnEnd) {
  absl::StatusOr<Sqlite> database = Sqlite::Open(path_);
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(
      database
          ->Execute("CREATE TABLE t (x); INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                    "FROM n WHERE i < 20000) SELECT randomblob(900) FROM n")
          .ok());
  const absl::StatusOr<bool> unfinished = QuickCheck(*database, absl::ZeroDuration());
  const absl::StatusOr<bool> whole = QuickCheck(*database, absl::InfiniteDuration());
  ASSERT_TRUE(unfinished.ok()) << unfinished.status();
  EXPECT_FALSE(*unfinished);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE(*whole);
}

}  // namespace
}  // namespace metronome::server
