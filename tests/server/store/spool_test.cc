#include "server/store/spool.h"

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLimit = 1 << 20;

class SpoolTest : public testing::Test {
 protected:
  Spool Open(int64_t limit = kLimit) {
    absl::StatusOr<Spool> spool = Spool::Open(path_, limit);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }
  static std::vector<std::string> TakeAll(Spool& spool) {
    std::vector<std::string> records;
    while (!spool.empty()) {
      const absl::StatusOr<std::string> record = spool.Front();
      records.push_back(record.ok() ? *record : "damaged");
      spool.Pop(!record.ok());
    }
    return records;
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.File("below/runs.db.spool");
};

TEST_F(SpoolTest, RecordsComeInTheirOrderAndTheFileGoesWithTheLast) {
  Spool spool = Open();
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(spool.Append("one").ok());
  ASSERT_TRUE(spool.Append("").ok());
  EXPECT_EQ(*spool.Front(), "one");
  spool.Pop();
  ASSERT_TRUE(spool.Append("three").ok());
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_THAT(TakeAll(spool), ElementsAre("", "three"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(spool.Append("again").ok());
  EXPECT_THAT(TakeAll(spool), ElementsAre("again"));
}

// Those that were taken too, as long as the file is there: whoever takes them knows them by their keys.
TEST_F(SpoolTest, RecordsOutliveTheProcess) {
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append("one").ok());
    ASSERT_TRUE(spool.Append(std::string(100'000, 'x')).ok());
    spool.Pop();
  }
  Spool spool = Open();
  EXPECT_THAT(TakeAll(spool), ElementsAre("one", std::string(100'000, 'x')));
}

TEST_F(SpoolTest, UnfinishedRecordIsNotOne) {
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append("one").ok());
    ASSERT_TRUE(spool.Append("two").ok());
  }
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
  Spool spool = Open();
  ASSERT_TRUE(spool.Append("three").ok());
  EXPECT_THAT(*spool.Front(), "one");
  spool.Pop();
  EXPECT_THAT(TakeAll(spool), ElementsAre("three"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
}

TEST_F(SpoolTest, RecordsBehindAnUnfinishedOneAreFoundByTheNextToo) {
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append("one").ok());
  }
  std::ofstream(path_, std::ios::binary | std::ios::app) << "half a header";
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append("two").ok());
  }
  Spool spool = Open();
  EXPECT_THAT(TakeAll(spool), ElementsAre("one", "two"));
}

TEST_F(SpoolTest, DamagedRecordIsToldAndTheFileKept) {
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append("first record").ok());
    ASSERT_TRUE(spool.Append("second record").ok());
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(24 + 3);
  file.put('X');
  file.close();
  Spool spool = Open();
  EXPECT_EQ(spool.Front().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(TakeAll(spool), ElementsAre("damaged", "second record"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
}

TEST_F(SpoolTest, SizeIsBounded) {
  Spool spool = Open(1000);
  ASSERT_TRUE(spool.Append(std::string(900, 'x')).ok());
  const absl::Status full = spool.Append(std::string(100, 'y'));
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("its limit of 1000"));
  EXPECT_TRUE(spool.Append("z").ok());
}

// A limit of the process stands in for a full disk.
TEST_F(SpoolTest, FullDiskLeavesWhatIsThere) {
  const auto previous = signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  Spool spool = Open();
  ASSERT_TRUE(spool.Append("one").ok());
  const rlimit small = {.rlim_cur = 1000, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);

  const absl::Status full = spool.Append(std::string(5000, 'x'));

  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, previous);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr(path_));
  ASSERT_TRUE(spool.Append("two").ok());
  EXPECT_THAT(TakeAll(spool), ElementsAre("one", "two"));
}

TEST_F(SpoolTest, DirectoryThatCannotBeMadeIsNamed) {
  absl::StatusOr<Spool> spool = Spool::Open("/proc/none/runs.db.spool", kLimit);
  ASSERT_TRUE(spool.ok()) << spool.status();
  const absl::Status status = spool->Append("one");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("/proc/none"));
  EXPECT_TRUE(spool->empty());
}

}  // namespace
}  // namespace metronome::server
