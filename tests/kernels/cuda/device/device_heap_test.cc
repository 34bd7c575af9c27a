#include "kernels/cuda/device/device_heap.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/base/memory_shortage.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"

namespace metronome::testing {
namespace {

constexpr int64_t kPage = FakeDriver::kGranularity;

class DeviceHeapTest : public ::testing::Test {
 protected:
  // A buffer of so many pages, all of them committed.
  std::unique_ptr<kernels::Buffer> Committed(int64_t pages) {
    auto buffer = heap_.Reserve(pages * kPage).value();
    EXPECT_TRUE(buffer->Commit(pages * kPage).ok());
    return buffer;
  }
  static bool IsZero(const kernels::Buffer& buffer, int64_t bytes) {
    const auto* const data = static_cast<const char*>(buffer.data());
    return std::all_of(data, data + bytes, [](char byte) { return byte == 0; });
  }

  FakeDriver driver_;
  kernels::cuda::DeviceHeap heap_{driver_, /*most_kept_bytes=*/10 * kPage};
};

// From the lowest addresses up, in whatever order they were freed.
TEST_F(DeviceHeapTest, SetsOfBuffersComeBackInTheSamePlaces) {
  std::vector<std::unique_ptr<kernels::Buffer>> buffers;
  for (int i = 0; i < 4; ++i) buffers.push_back(Committed(2));
  std::vector<void*> places;
  for (const auto& buffer : buffers) places.push_back(buffer->data());
  std::sort(places.begin(), places.end());
  for (const std::vector<int>& order : {std::vector<int>{2, 0, 3, 1}, {0, 1, 2, 3}, {3, 2, 1, 0}}) {
    for (const int i : order) buffers[i].reset();
    const auto other = Committed(1);
    for (size_t i = 0; i < places.size(); ++i) {
      buffers[i] = Committed(2);
      EXPECT_EQ(buffers[i]->data(), places[i]);
    }
  }
}

TEST_F(DeviceHeapTest, KeptMemoryIsZeroedAgainAndCountsAsAvailable) {
  const int64_t available = heap_.AvailableBytes();
  void* place = nullptr;
  {
    const auto buffer = Committed(4);
    place = buffer->data();
    std::memset(buffer->data(), 7, 4 * kPage);
    EXPECT_EQ(heap_.AvailableBytes(), available - 4 * kPage);
  }
  EXPECT_EQ(driver_.used_bytes(), 4 * kPage);
  EXPECT_EQ(heap_.AvailableBytes(), available);
  const auto again = heap_.Reserve(4 * kPage).value();
  EXPECT_EQ(again->data(), place);
  EXPECT_EQ(again->committed_bytes(), 0);
  EXPECT_EQ(again->size_bytes(), 4 * kPage);
  ASSERT_TRUE(again->Commit(1).ok());
  EXPECT_EQ(again->committed_bytes(), kPage);
  EXPECT_TRUE(IsZero(*again, kPage));
  ASSERT_TRUE(again->Commit(3 * kPage + 1).ok());
  EXPECT_TRUE(IsZero(*again, 4 * kPage));
  EXPECT_EQ(driver_.used_bytes(), 4 * kPage);
}

TEST_F(DeviceHeapTest, ARingIsKeptForARingOfItsPeriod) {
  void* place = nullptr;
  {
    const auto ring = heap_.ReserveRing(6 * kPage, 2 * kPage).value();
    ASSERT_TRUE(ring->Commit(5 * kPage).ok());
    std::memset(ring->data(), 7, 2 * kPage);
    place = ring->data();
  }
  EXPECT_NE(heap_.Reserve(6 * kPage).value()->data(), place);
  EXPECT_NE(heap_.ReserveRing(6 * kPage, 3 * kPage).value()->data(), place);
  const auto again = heap_.ReserveRing(6 * kPage, 2 * kPage).value();
  EXPECT_EQ(again->data(), place);
  ASSERT_TRUE(again->Commit(1).ok());
  EXPECT_EQ(again->committed_bytes(), 2 * kPage);
  EXPECT_TRUE(IsZero(*again, 2 * kPage));
  static_cast<char*>(again->data())[5] = 3;
  ASSERT_TRUE(again->Commit(6 * kPage).ok());  // What was written stays.
  EXPECT_EQ(static_cast<char*>(again->data())[5], 3);
  EXPECT_EQ(static_cast<char*>(again->data())[4 * kPage + 5], 3);
}

// Rings of any length, shorter than a period, and ending within one: grown step by step, kept, taken again, given back.
TEST_F(DeviceHeapTest, RingsOfAnyLengthAreMappedAsTheDriverWants) {
  for (int64_t period = 1; period <= 4; ++period) {
    for (int64_t size = 1; size <= 9; ++size) {
      SCOPED_TRACE(::testing::Message() << size << " pages in periods of " << period);
      for (int round = 0; round < 2; ++round) {
        const auto ring = heap_.ReserveRing(size * kPage - 1, period * kPage - 1).value();
        EXPECT_EQ(ring->size_bytes(), size * kPage);
        for (int64_t pages = 1; pages <= size; ++pages) {
          ASSERT_TRUE(ring->Commit(pages * kPage).ok());
          auto* const data = static_cast<char*>(ring->data());
          data[(pages - 1) * kPage] = static_cast<char>(pages);
          EXPECT_EQ(data[(pages - 1) % period * kPage], static_cast<char>(pages));
        }
        EXPECT_EQ(ring->committed_bytes(), std::min(period, size) * kPage);
      }
    }
  }
}

// Without memory to keep, every range is unmapped and mapped again at the addresses where it was.
TEST_F(DeviceHeapTest, RangesAreMappedAgainWhereTheyWere) {
  kernels::cuda::DeviceHeap heap(driver_, /*most_kept_bytes=*/0);
  void* place = nullptr;
  for (int round = 0; round < 3; ++round) {
    const auto buffer = heap.Reserve(5 * kPage).value();
    EXPECT_TRUE(round == 0 || buffer->data() == place);
    place = buffer->data();
    for (const int64_t pages : {1, 2, 5}) ASSERT_TRUE(buffer->Commit(pages * kPage).ok());
    EXPECT_TRUE(IsZero(*buffer, 5 * kPage));
    std::memset(buffer->data(), 7, 5 * kPage);
  }
  EXPECT_EQ(driver_.used_bytes(), 0);
}

TEST_F(DeviceHeapTest, KeptMemoryGoesBackWhenItIsNeeded) {
  Committed(4).reset();
  driver_.total_bytes = 6 * kPage;
  const auto large = heap_.Allocate(5 * kPage);
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(driver_.used_bytes(), 5 * kPage);
  EXPECT_EQ(heap_.AvailableBytes(), kPage);
  const auto again = heap_.Reserve(4 * kPage).value();  // Of the same addresses, without memory.
  const absl::Status shortage = again->Commit(2 * kPage);
  EXPECT_EQ(shortage.code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(ShortageOf(shortage).has_value());
  EXPECT_EQ(ShortageOf(shortage)->bytes_available, kPage);
  EXPECT_TRUE(again->Commit(kPage).ok());
}

TEST_F(DeviceHeapTest, NoMoreMemoryIsKeptThanTheLimit) {
  std::vector<std::unique_ptr<kernels::Buffer>> buffers;
  for (int i = 0; i < 4; ++i) buffers.push_back(Committed(3));
  buffers.clear();
  EXPECT_EQ(driver_.used_bytes(), 9 * kPage);
  const auto buffer = Committed(11);
  EXPECT_TRUE(IsZero(*buffer, 11 * kPage));
}

TEST_F(DeviceHeapTest, NothingIsLeftAtTheEnd) {
  FakeDriver driver;
  {
    kernels::cuda::DeviceHeap heap(driver, 100 * kPage);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(heap.ReserveRing(4 * kPage, kPage).value()->Commit(1).ok());
    ASSERT_TRUE(heap.Reserve(4 * kPage).value()->Commit(1).ok());
    EXPECT_GT(driver.live_objects(), 0);
  }
  EXPECT_EQ(driver.live_objects(), 0);
  EXPECT_EQ(driver.used_bytes(), 0);
}

}  // namespace
}  // namespace metronome::testing
