#include "kernels/cpu/host/host_ring.h"

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace metronome::kernels::cpu {
namespace {

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * getpagesize();
}

TEST(HostRingTest, AddressesAPeriodApartAreTheSameMemory) {
  const int64_t page = getpagesize(), period = 3 * page, size = 100 * page + 5;
  const auto ring = ReserveHostRing(size, period - 7).value();
  auto* const data = static_cast<unsigned char*>(ring->data());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 256, 0u);
  EXPECT_GE(ring->size_bytes(), size);
  ASSERT_TRUE(ring->Commit(size).ok());
  for (int64_t at = 0; at < size; at += 911) EXPECT_EQ(data[at], 0) << at;
  for (int64_t at = 0; at < size; ++at) data[at] = static_cast<unsigned char>(at * 31 % 251);
  for (int64_t at = size - period; at < size; ++at) {
    const auto want = static_cast<unsigned char>(at * 31 % 251);
    EXPECT_EQ(data[at], want);
    EXPECT_EQ(data[at % period], want);
    EXPECT_EQ(data[at % period + 7 * period], want);
  }
}

// Longer than a period in one read or write, across its end.
TEST(HostRingTest, RangesRunOnAcrossTheEndOfAPeriod) {
  const int64_t page = getpagesize();
  const auto ring = ReserveHostRing(64 * page, 4 * page).value();
  auto* const data = static_cast<char*>(ring->data());
  ASSERT_TRUE(ring->Commit(64 * page).ok());
  std::string text(static_cast<size_t>(3 * page), ' ');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  std::memcpy(data + 15 * page + 100, text.data(), text.size());
  EXPECT_EQ(std::memcmp(data + 15 * page + 100, text.data(), text.size()), 0);
  EXPECT_EQ(std::memcmp(data + 3 * page + 100, text.data(), text.size()), 0);
}

TEST(HostRingTest, CommitsInStepsAndKeepsContents) {
  const int64_t page = getpagesize();
  const auto ring = ReserveHostRing(40 * page, 4 * page).value();
  auto* const data = static_cast<char*>(ring->data());
  EXPECT_EQ(ring->committed_bytes(), 0);
  ASSERT_TRUE(ring->Commit(1).ok());
  EXPECT_EQ(ring->committed_bytes(), page);
  data[0] = 'x';
  for (int64_t bytes = page; bytes <= 40 * page; bytes += page) {
    ASSERT_TRUE(ring->Commit(bytes).ok());
    data[bytes - 1] = 'y';
    EXPECT_EQ(data[0], 'x');
    EXPECT_EQ(ring->committed_bytes(), std::min(bytes, 4 * page));
  }
  EXPECT_TRUE(ring->Commit(page).ok());  // No-op.
  EXPECT_EQ(ring->committed_bytes(), 4 * page);
  EXPECT_EQ(ring->Commit(40 * page + 1).code(), absl::StatusCode::kOutOfRange);
}

// 512 MiB written through a ring of 1 MiB: what is resident stays a few periods, however it is counted.
TEST(HostRingTest, MovingThroughItStaysSmall) {
  constexpr int64_t kSize = int64_t{512} << 20, kPeriod = int64_t{1} << 20;
  const auto ring = ReserveHostRing(kSize, kPeriod).value();
  const int64_t before = ResidentBytes();
  for (int64_t at = 0; at < kSize; at += kPeriod / 4) {
    ASSERT_TRUE(ring->Commit(at + kPeriod / 4).ok());
    std::memset(static_cast<char*>(ring->data()) + at, 1, kPeriod / 4);
  }
  EXPECT_LT(ResidentBytes() - before, 8 * kPeriod);
}

TEST(HostRingTest, ImpossibleSizesAreRefused) {
  EXPECT_EQ(ReserveHostRing(0, 10).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReserveHostRing(10, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReserveHostRing(-1, 10).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReserveHostRing(INT64_MAX, 10).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReserveHostRing(10, INT64_MAX).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace metronome::kernels::cpu
