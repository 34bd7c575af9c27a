#include "server/daemon/cpu_calibration.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace fs = std::filesystem;

kernels::cpu::CpuTuning SomeTuning(int64_t streams) {
  kernels::cpu::CpuTuning tuning;
  tuning.Set(kernels::cpu::TunedForm::kProduct, kernels::DType::kBFloat16, {{"tune_streams", streams}});
  return tuning;
}

// A calibration that takes no time and counts.
class CpuCalibrationTest : public testing::Test {
 protected:
  CalibratedCpu Start(int threads = 1) {
    const auto calibrate = [this](kernels::Backend& backend) -> absl::StatusOr<kernels::cpu::CpuTuning> {
      ++calibrated_;
      EXPECT_EQ(backend.Describe().tuning, "");
      return answer_;
    };
    absl::StatusOr<CalibratedCpu> cpu = CreateCalibratedCpu(threads, where_, calibrate);
    EXPECT_TRUE(cpu.ok()) << cpu.status();
    return *std::move(cpu);
  }

  const TempDirectory directory_;
  std::string where_ = directory_.File("calibration");
  absl::StatusOr<kernels::cpu::CpuTuning> answer_ = SomeTuning(8);
  int calibrated_ = 0;
};

TEST_F(CpuCalibrationTest, TheFirstStartMeasuresAndLaterOnesKeepIt) {
  const CalibratedCpu first = Start(), second = Start();

  EXPECT_EQ(calibrated_, 1);
  EXPECT_THAT(first.calibration, StartsWith("measured in "));
  EXPECT_EQ(second.calibration, "kept from an earlier start");
  EXPECT_EQ(first.backend->Describe().tuning, "product bfloat16 tune_streams=8\n");
  EXPECT_EQ(second.backend->Describe().tuning, first.backend->Describe().tuning);
}

// That the kernels' own choices are best is an answer, too.
TEST_F(CpuCalibrationTest, AnEmptyAnswerIsKept) {
  answer_ = kernels::cpu::CpuTuning();
  const CalibratedCpu first = Start(), second = Start();
  EXPECT_EQ(calibrated_, 1);
  EXPECT_EQ(second.calibration, "kept from an earlier start");
  EXPECT_EQ(second.backend->Describe().tuning, "");
}

TEST_F(CpuCalibrationTest, OtherThreadsAreMeasuredAnew) {
  Start(1);
  answer_ = SomeTuning(2);
  const CalibratedCpu wider = Start(2), narrow = Start(1);
  EXPECT_EQ(calibrated_, 2);
  EXPECT_EQ(wider.backend->Describe().tuning, "product bfloat16 tune_streams=2\n");
  EXPECT_EQ(narrow.backend->Describe().tuning, "product bfloat16 tune_streams=8\n");
  EXPECT_EQ(wider.backend->Describe().threads, 2);
}

TEST_F(CpuCalibrationTest, DamagedFilesAreMeasuredAnew) {
  Start();
  for (const fs::directory_entry& file : fs::directory_iterator(where_)) {
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(-3, std::ios::end);
    bytes << "?";
  }
  EXPECT_THAT(Start().calibration, StartsWith("measured in "));
  for (const fs::directory_entry& file : fs::directory_iterator(where_)) fs::resize_file(file.path(), 5);
  EXPECT_THAT(Start().calibration, StartsWith("measured in "));
  EXPECT_EQ(Start().calibration, "kept from an earlier start");
  EXPECT_EQ(calibrated_, 3);
}

TEST_F(CpuCalibrationTest, OffCalibratesNothingAndWritesNothing) {
  where_ = "off";
  const CalibratedCpu cpu = Start();
  EXPECT_EQ(calibrated_, 0);
  EXPECT_EQ(cpu.calibration, "off");
  EXPECT_EQ(cpu.backend->Describe().tuning, "");
  EXPECT_FALSE(fs::exists("off"));
}

TEST_F(CpuCalibrationTest, AFailureLeavesTheKernelsOwnChoices) {
  answer_ = absl::ResourceExhaustedError("no memory for that");
  const CalibratedCpu cpu = Start();
  EXPECT_THAT(cpu.calibration, HasSubstr("no memory for that"));
  EXPECT_EQ(cpu.backend->Describe().tuning, "");
  answer_ = SomeTuning(4);
  EXPECT_THAT(Start().calibration, StartsWith("measured in "));  // It may work next time.
}

TEST_F(CpuCalibrationTest, ADirectoryThatCannotBeMeasuresEveryTime) {
  where_ = directory_.Write("file", "in the way") + "/below";
  Start();
  EXPECT_THAT(Start().calibration, StartsWith("measured in "));
  EXPECT_EQ(calibrated_, 2);
}

TEST_F(CpuCalibrationTest, ThreadsOutOfRangeAreAnError) {
  EXPECT_EQ(CreateCalibratedCpu(-1, where_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace metronome::server
