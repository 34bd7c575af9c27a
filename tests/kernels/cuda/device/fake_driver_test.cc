#include "tests/kernels/cuda/fakes/fake_driver.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPage = FakeDriver::kGranularity;

// The rules of CUDA that the driver holds its callers to: what the tests of the backend would otherwise not see.
class FakeDriverTest : public ::testing::Test {
 protected:
  // The call that the driver was misused by, and that it says so to all later calls.
  std::string Misuse() {
    EXPECT_FALSE(driver_.Synchronize().ok());
    return driver_.TakeMisuse();
  }
  char* Reserve(int64_t pages) { return static_cast<char*>(driver_.ReserveAddresses(pages * kPage).value()); }

  FakeDriver driver_;
};

TEST_F(FakeDriverTest, MemoryIsMappedWholeWhereItIsReservedAndNothingIs) {
  char* const at = Reserve(4);
  const auto memory = driver_.CreatePhysical(2 * kPage).value();
  EXPECT_FALSE(driver_.Map(at, kPage, memory).ok());
  EXPECT_THAT(Misuse(), HasSubstr("of memory that has"));
  EXPECT_FALSE(driver_.Map(at, 2 * kPage - 1, memory).ok());
  EXPECT_THAT(Misuse(), HasSubstr("not a multiple"));
  EXPECT_FALSE(driver_.Map(at + 4096, 2 * kPage, memory).ok());
  EXPECT_THAT(Misuse(), HasSubstr("address is not a multiple"));
  EXPECT_FALSE(driver_.Map(at + 3 * kPage, 2 * kPage, memory).ok());
  EXPECT_THAT(Misuse(), HasSubstr("not reserved"));
  ASSERT_TRUE(driver_.Map(at + kPage, 2 * kPage, memory).ok());
  for (const int64_t page : {0, 1, 2}) {
    EXPECT_FALSE(driver_.Map(at + page * kPage, 2 * kPage, memory).ok());
    EXPECT_THAT(Misuse(), HasSubstr("already"));
  }
}

TEST_F(FakeDriverTest, MemoryIsUnmappedAsItWasMapped) {
  char* const at = Reserve(3);
  for (int64_t page = 0; page < 3; ++page)
    ASSERT_TRUE(driver_.Map(at + page * kPage, kPage, driver_.CreatePhysical(kPage).value()).ok());
  driver_.Unmap(at, 3 * kPage);
  EXPECT_THAT(Misuse(), HasSubstr("cuMemUnmap"));
  driver_.Unmap(at + kPage, kPage);
  driver_.Unmap(at + kPage, kPage);
  EXPECT_THAT(Misuse(), HasSubstr("cuMemUnmap"));
  driver_.FreeAddresses(at, 3 * kPage);
  EXPECT_THAT(Misuse(), HasSubstr("memory is mapped there"));
  driver_.FreeAddresses(at, 2 * kPage);
  EXPECT_THAT(Misuse(), HasSubstr("no reservation"));
}

TEST_F(FakeDriverTest, MemoryLastsUntilItIsReleasedAndUnmapped) {
  char* const at = Reserve(1);
  const auto memory = driver_.CreatePhysical(kPage).value();
  ASSERT_TRUE(driver_.Map(at, kPage, memory).ok());
  driver_.ReleasePhysical(memory);
  EXPECT_EQ(driver_.used_bytes(), kPage);
  EXPECT_FALSE(driver_.Map(at, kPage, memory).ok());
  EXPECT_THAT(Misuse(), HasSubstr("no such handle"));
  driver_.Unmap(at, kPage);
  EXPECT_EQ(driver_.used_bytes(), 0);
  driver_.ReleasePhysical(memory);
  EXPECT_THAT(Misuse(), HasSubstr("cuMemRelease"));
}

TEST_F(FakeDriverTest, CopiesReachPinnedAndDeviceMemoryAlone) {
  char* const device = static_cast<char*>(driver_.Allocate(100).value());
  char pageable[8] = {};
  EXPECT_FALSE(driver_.Copy(device, pageable, 8).ok());
  EXPECT_THAT(Misuse(), HasSubstr("nor pinned"));
  EXPECT_FALSE(driver_.Copy(device + 96, device, 8).ok());
  EXPECT_THAT(Misuse(), HasSubstr("nor pinned"));
  EXPECT_FALSE(driver_.Copy(device + 4, device, 8).ok());
  EXPECT_THAT(Misuse(), HasSubstr("overlap"));
  EXPECT_TRUE(driver_.Copy(device + 8, device, 8).ok());
}

TEST_F(FakeDriverTest, ACaptureIsBrokenByWaitingAllocatingAndFreeing) {
  void* const memory = driver_.Allocate(100).value();
  const std::function<void()> breaks[] = {
      [&] { EXPECT_FALSE(driver_.Synchronize().ok()); },
      [&] { EXPECT_FALSE(driver_.Allocate(1).ok()); },
      [&] { EXPECT_FALSE(driver_.LoadModule("code").ok()); },
      [&] { driver_.Free(memory); },
  };
  for (const auto& call : breaks) {
    ASSERT_TRUE(driver_.BeginCapture().ok());
    call();
    EXPECT_THAT(driver_.TakeMisuse(), HasSubstr("within a capture"));
    EXPECT_THAT(std::string(driver_.EndCapture().status().message()), HasSubstr("cudaErrorStreamCaptureInvalidated"));
    EXPECT_TRUE(driver_.Synchronize().ok());
  }
}

TEST_F(FakeDriverTest, AGraphNeedsTheEventsThatItRecords) {
  const auto start = driver_.CreateEvent().value(), end = driver_.CreateEvent().value();
  ASSERT_TRUE(driver_.Record(start).ok());
  EXPECT_THAT(std::string(driver_.SecondsBetween(start, end).status().message()), HasSubstr("never recorded"));
  ASSERT_TRUE(driver_.BeginCapture().ok());
  ASSERT_TRUE(driver_.Record(end).ok());
  const auto graph = driver_.EndCapture().value();
  ASSERT_TRUE(driver_.LaunchGraph(graph).ok());
  EXPECT_GE(driver_.SecondsBetween(start, end).value(), 0);
  driver_.FreeEvent(end);
  EXPECT_FALSE(driver_.LaunchGraph(graph).ok());
  EXPECT_THAT(Misuse(), HasSubstr("an event that it records is gone"));
}

TEST(FakeDriverDeathTest, AMisuseThatNobodyTakesEndsTheProcess) {
  EXPECT_DEATH(FakeDriver().FreePinned(nullptr), "cudaFreeHost");
}

}  // namespace
}  // namespace metronome::testing
