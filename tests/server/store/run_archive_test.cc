// Results while the database cannot be written: none is lost and none is stored twice.
#include "server/store/run_archive.h"

#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/database/failing_vfs.h"
#include "tests/server/fake_clock.h"
#include "tests/server/store/store_test_results.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

class RunArchiveTest : public testing::Test {
 protected:
  RunArchiveTest() { spdlog::set_level(spdlog::level::off); }
  ~RunArchiveTest() override { spdlog::set_level(spdlog::level::info); }

  std::unique_ptr<RunArchive> Open() {
    absl::StatusOr<std::unique_ptr<RunArchive>> archive =
        RunArchive::Open({.path = path_, .spare_directory = spare_, .spool_bytes = spool_bytes_}, clock_);
    EXPECT_TRUE(archive.ok()) << archive.status();
    return archive.ok() ? *std::move(archive) : nullptr;
  }
  RunArchive::Kept Keep(RunArchive& archive, const v1::Run& run, const v1::BenchmarkResult& result) {
    NewResult prepared = PrepareResult(run, result, clock_.UnixMicros());
    for (;;) {
      if (std::optional<RunArchive::Kept> kept = archive.KeepSome(prepared); kept.has_value()) return *std::move(kept);
    }
  }
  static void Drain(RunArchive& archive) {
    while (archive.Maintain()) {
    }
  }
  static v1::Run Run(RunArchive& archive) { return *archive.store().GetRunning(StartRun(archive.store())); }
  // Each is there once, with all its samples.
  static void ExpectResults(RunArchive& archive, const std::string& run, const std::set<std::string>& models,
                            int64_t samples = 3) {
    const absl::StatusOr<v1::Run> stored = archive.store().GetRun(run);
    ASSERT_TRUE(stored.ok()) << stored.status();
    std::multiset<std::string> found;
    for (const v1::BenchmarkResult& result : stored->results()) {
      found.insert(result.spec().model());
      EXPECT_EQ(result.note(), "");
      EXPECT_EQ(archive.store().ListSamples(result.result_id(), 1'000'000)->samples_size(), samples);
    }
    EXPECT_EQ(found, std::multiset<std::string>(models.begin(), models.end()));
  }

  FailingVfs vfs_;
  const TempDirectory directory_;
  const std::string path_ = directory_.File("runs.db"), spare_ = directory_.File("spare"), spool_ = path_ + ".spool";
  int64_t spool_bytes_ = 64 << 20;
  FakeClock clock_;
};

TEST_F(RunArchiveTest, ResultThatIsStoredHasAnIdAndNoNote) {
  const auto archive = Open();
  const v1::Run run = Run(*archive);
  const RunArchive::Kept kept = Keep(*archive, run, SmallResult(1));
  EXPECT_GT(kept.id, 0);
  EXPECT_TRUE(kept.status.ok());
  EXPECT_EQ(kept.note, "");
  EXPECT_TRUE(archive->ready());
  EXPECT_FALSE(std::filesystem::exists(spool_));
}

TEST_F(RunArchiveTest, FullDiskSpoolsAndStoresLater) {
  const auto archive = Open();
  const v1::Run run = Run(*archive);
  vfs_.FailAfter(0, SQLITE_FULL);

  const RunArchive::Kept first = Keep(*archive, run, SmallResult(1)), second = Keep(*archive, run, SmallResult(2));
  Drain(*archive);

  EXPECT_EQ(first.id, 0);
  EXPECT_EQ(first.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(first.note, HasSubstr("not stored yet"));
  EXPECT_THAT(first.note, HasSubstr("full"));
  EXPECT_THAT(second.note, HasSubstr(spool_));
  EXPECT_FALSE(archive->ready());
  EXPECT_TRUE(std::filesystem::exists(spool_));

  vfs_.Heal();
  Drain(*archive);

  EXPECT_TRUE(archive->ready());
  EXPECT_FALSE(std::filesystem::exists(spool_));
  ExpectResults(*archive, run.run_id(), {"model-1", "model-2"});
}

// A failure at any write to the log or sync of it, some of which leave it open whether the result is stored. The large
// result takes two transactions.
TEST_F(RunArchiveTest, FailureAtAnyWriteLosesAndDoublesNothing) {
  const auto archive = Open();
  for (const int code : {SQLITE_FULL, SQLITE_IOERR_FSYNC}) {
    for (const int samples : {3, 66 * kSamplesPerBlock}) {
      bool failed = true;
      for (int writes = 0; failed; writes += samples == 3 ? 1 : 1 + writes) {
        const v1::Run run = Run(*archive);
        vfs_.FailAfter(writes, code);
        const RunArchive::Kept kept = Keep(*archive, run, SmallResult(1, samples));
        failed = vfs_.has_failed();
        EXPECT_EQ(kept.id == 0, !kept.status.ok());
        EXPECT_TRUE(failed || kept.id > 0) << kept.note;
        vfs_.Heal();
        Drain(*archive);
        ExpectResults(*archive, run.run_id(), {"model-1"}, samples);
        EXPECT_TRUE(archive->ready());
      }
    }
  }
}

TEST_F(RunArchiveTest, WhatWaitsIsStoredByTheNextDaemon) {
  v1::Run run;
  {
    const auto archive = Open();
    run = Run(*archive);
    vfs_.FailAfter(0, SQLITE_FULL);
    Keep(*archive, run, SmallResult(1));
  }
  vfs_.Heal();
  const auto archive = Open();
  Drain(*archive);
  ExpectResults(*archive, run.run_id(), {"model-1"});
  EXPECT_EQ(StateOf(archive->store(), run.run_id()), "interrupted");
}

// The crash comes after the result was stored and before the spool forgot it.
TEST_F(RunArchiveTest, SpoolThatIsStoredTwiceStoresOnce) {
  const std::string copy = directory_.File("copy");
  v1::Run run;
  {
    const auto archive = Open();
    run = Run(*archive);
    vfs_.FailAfter(0, SQLITE_FULL);
    Keep(*archive, run, SmallResult(1));
    Keep(*archive, run, SmallResult(2));
    std::filesystem::copy_file(spool_, copy);
    vfs_.Heal();
    Drain(*archive);
  }
  std::filesystem::rename(copy, spool_);
  const auto archive = Open();
  Drain(*archive);
  ExpectResults(*archive, run.run_id(), {"model-1", "model-2"});
  EXPECT_FALSE(std::filesystem::exists(spool_));
}

TEST_F(RunArchiveTest, SpoolsOfTheDeadAreTakenOverAndThoseOfTheLivingAreNot) {
  auto first = Open();
  auto second = Open();
  const v1::Run run = Run(*second);
  vfs_.FailAfter(0, SQLITE_FULL);
  EXPECT_THAT(Keep(*second, run, SmallResult(1)).note, HasSubstr(spool_ + ".1"));
  vfs_.Heal();

  auto third = Open();
  Drain(*third);
  ExpectResults(*third, run.run_id(), {});
  third.reset();
  second.reset();
  first.reset();

  const auto next = Open();
  EXPECT_EQ(next->store().place(), 0);
  Drain(*next);
  ExpectResults(*next, run.run_id(), {"model-1"});
  EXPECT_FALSE(std::filesystem::exists(spool_ + ".1"));
}

TEST_F(RunArchiveTest, SpareDirectoryTakesWhatDoesNotFitBesideTheDatabase) {
  std::filesystem::create_directory(spool_);  // Nothing can be written there, not even by root.
  const auto archive = Open();
  const v1::Run run = Run(*archive);
  vfs_.FailAfter(0, SQLITE_FULL);
  const RunArchive::Kept kept = Keep(*archive, run, SmallResult(1));
  EXPECT_THAT(kept.note, HasSubstr(spare_));
  vfs_.Heal();
  Drain(*archive);
  ExpectResults(*archive, run.run_id(), {"model-1"});
}

TEST_F(RunArchiveTest, WhatNothingTakesIsSaid) {
  spool_bytes_ = 10;
  const auto archive = Open();
  const v1::Run run = Run(*archive);
  vfs_.FailAfter(0, SQLITE_FULL);
  const RunArchive::Kept kept = Keep(*archive, run, SmallResult(1));
  EXPECT_EQ(kept.id, 0);
  EXPECT_THAT(kept.note, HasSubstr("not stored: "));
  EXPECT_THAT(kept.note, HasSubstr("its limit of 10"));
}

// The schema refuses it, and always will.
TEST_F(RunArchiveTest, ResultThatCannotEverBeStoredIsNotSpooled) {
  const auto archive = Open();
  const v1::Run run = Run(*archive);
  v1::BenchmarkResult result = SmallResult(1);
  result.set_outcome("splendid");
  const RunArchive::Kept kept = Keep(*archive, run, result);
  EXPECT_EQ(kept.status.code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(std::filesystem::exists(spool_));
  Drain(*archive);
  EXPECT_TRUE(archive->ready());
}

TEST_F(RunArchiveTest, ResultsForADatabaseThatIsGoneComeWithTheirRun) {
  const auto archive = Open();
  v1::StartRunRequest request;
  request.set_note("of the old database");
  const v1::Run run = *archive->store().GetRunning(*archive->store().StartRun(request, {}));
  std::filesystem::remove(path_);
  const RunArchive::Kept kept = Keep(*archive, run, SmallResult(1));
  Drain(*archive);
  EXPECT_EQ(kept.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(archive->ready());

  directory_.Write("runs.db", "");
  Drain(*archive);

  EXPECT_TRUE(archive->ready());
  ExpectResults(*archive, run.run_id(), {"model-1"});
  const absl::StatusOr<v1::Run> stored = archive->store().GetRun(run.run_id());
  EXPECT_EQ(stored->note(), "of the old database");
  EXPECT_EQ(stored->state(), "interrupted");
}

TEST_F(RunArchiveTest, RunsAreInterruptedWhenThatCanBeWritten) {
  const auto archive = Open();
  const v1::Run run = Run(*archive);
  vfs_.FailAfter(0, SQLITE_FULL);
  archive->Interrupt(run.run_id());
  EXPECT_EQ(StateOf(archive->store(), run.run_id()), "running");
  vfs_.Heal();
  Drain(*archive);
  EXPECT_EQ(StateOf(archive->store(), run.run_id()), "interrupted");
  EXPECT_TRUE(archive->ready());
}

TEST_F(RunArchiveTest, PreparedResultsOutliveTheirBytes) {
  const NewResult result = PrepareResult({}, SmallResult(4, 5000), 77);
  const std::string bytes = Serialize(result);
  const absl::StatusOr<NewResult> parsed = ParseNewResult(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->key, result.key);
  EXPECT_EQ(parsed->created_unix_micros, 77);
  EXPECT_EQ(parsed->result.SerializeAsString(), result.result.SerializeAsString());
  EXPECT_EQ(parsed->blocks.size(), 2u);
  EXPECT_EQ(Serialize(*parsed), bytes);
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 8)
    EXPECT_EQ(ParseNewResult(absl::string_view(bytes).substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace metronome::server
