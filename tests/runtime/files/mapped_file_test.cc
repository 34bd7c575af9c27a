#include "runtime/files/mapped_file.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() : path_(directory_.Write("file", std::string(100'000, 'x'))), file_(*MappedFile::Open(path_)) {}

  void ExpectChanged(absl::StatusCode code, const std::string& text) const {
    const absl::Status status = file_->CheckCurrent();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  const TempDirectory directory_;
  const std::string path_;
  const std::unique_ptr<MappedFile> file_;
};

TEST_F(MappedFileTest, AFileLeftAloneIsCurrent) {
  EXPECT_EQ(file_->size(), 100'000);
  EXPECT_EQ(file_->data()[99'999], std::byte{'x'});
  EXPECT_TRUE(file_->CheckCurrent().ok());
}

TEST_F(MappedFileTest, OneThatIsTruncatedIsDataLossAndWhatIsGoneZero) {
  fs::resize_file(path_, 10);
  EXPECT_TRUE(file_->CheckReadable().ok());  // Nobody has read it since.
  EXPECT_EQ(file_->CheckUnchanged().code(), absl::StatusCode::kDataLoss);
  ExpectChanged(absl::StatusCode::kDataLoss, "from 100000 to 10 bytes");

  const std::byte last = static_cast<const volatile std::byte*>(file_->data())[99'999];
  EXPECT_EQ(last, std::byte{0});

  EXPECT_EQ(file_->CheckReadable().code(), absl::StatusCode::kDataLoss);
  ExpectChanged(absl::StatusCode::kDataLoss, "was truncated or cannot be read");
}

TEST_F(MappedFileTest, OneThatIsWrittenToIsDataLossAtItsOldSizeToo) {
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << "y";
  fs::last_write_time(path_, fs::last_write_time(path_) + std::chrono::nanoseconds(1));  // Clocks may stand still.
  EXPECT_TRUE(file_->CheckReadable().ok());
  EXPECT_EQ(file_->CheckUnchanged().code(), absl::StatusCode::kDataLoss);
  ExpectChanged(absl::StatusCode::kDataLoss, "was changed while it was in use");
}

TEST_F(MappedFileTest, OneThatIsReplacedKeepsItsBytesButIsNotCurrent) {
  fs::rename(directory_.Write("other", std::string(100'000, 'y')), path_);
  EXPECT_TRUE(file_->CheckUnchanged().ok());
  EXPECT_EQ(file_->data()[0], std::byte{'x'});
  ExpectChanged(absl::StatusCode::kFailedPrecondition, "no longer the file");
  fs::remove(path_);
  EXPECT_TRUE(file_->CheckUnchanged().ok());
  ExpectChanged(absl::StatusCode::kFailedPrecondition, "no longer the file");
}

TEST_F(MappedFileTest, AnEmptyFileMapsNothing) {
  const auto empty = MappedFile::Open(directory_.Write("empty", ""));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ((*empty)->size(), 0);
  EXPECT_TRUE((*empty)->CheckCurrent().ok());
}

TEST_F(MappedFileTest, OpensNothingOutsideItsRoots) {
  const PathRoots roots({directory_.File("models")});
  EXPECT_EQ(MappedFile::Open(path_, &roots).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace metronome
