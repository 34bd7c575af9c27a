#include "kernels/cuda/primitives/async_copy.cuh"

#include <cmath>
#include <numeric>
#include <vector>

#include "tests/kernels/cuda/fakes/emulation_test.h"

namespace metronome::kernels::cuda {
namespace {

using ::testing::HasSubstr;

class AsyncCopyTest : public EmulationTest {
 protected:
  static constexpr int kElements = 256;
  AsyncCopyTest() : x_(kElements), y_(kElements) { std::iota(x_.begin(), x_.end(), 1.0f); }
  std::vector<float> x_, y_;
};
METRONOME_TEST_ALL_ORDERS(AsyncCopyTest);

// x to y by way of shared memory; the planted bug is that nobody waits.
template <bool kWait>
__global__ void CopyThrough(const float* x, float* y) {
  METRONOME_SHARED(float, staged, 256);
  const unsigned at = threadIdx.x * 4;
  AsyncCopy16(staged + at, x + at);
  AsyncCopyCommit();
  if (kWait) AsyncCopyWait();
  __syncthreads();
  for (unsigned i = 0; i < 4; ++i) y[255 - at - i] = staged[255 - at - i];
}

TEST_P(AsyncCopyTest, DataIsThereAfterTheWait) {
  ASSERT_EQ(Run(CopyThrough<true>, {.grid = dim3(1), .block = dim3(64)}, x_.data(), y_.data()), "");
  EXPECT_EQ(y_, x_);
}

TEST_P(AsyncCopyTest, AMissingWaitShows) {
  ASSERT_EQ(Run(CopyThrough<false>, {.grid = dim3(1), .block = dim3(64)}, x_.data(), y_.data()), "");
  EXPECT_TRUE(std::any_of(y_.begin(), y_.end(), [](float value) { return std::isnan(value); }));
}

// Two groups in flight; waits for the first, reads both.
__global__ void WaitForOneOfTwo(const float* x, float* y) {
  METRONOME_SHARED(float, staged, 8);
  AsyncCopy16(staged, x);
  AsyncCopyCommit();
  AsyncCopy16(staged + 4, x + 4);
  AsyncCopyCommit();
  AsyncCopyWait<1>();
  for (int i = 0; i < 8; ++i) y[i] = staged[i];
  AsyncCopyWait<0>();
  for (int i = 0; i < 8; ++i) y[8 + i] = staged[i];
}

TEST_P(AsyncCopyTest, GroupsArriveInOrder) {
  ASSERT_EQ(Run(WaitForOneOfTwo, {.grid = dim3(1), .block = dim3(1)}, x_.data(), y_.data()), "");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(y_[i], x_[i]);
  if (GetParam() != emulation::ThreadOrder::kShuffled) {  // There it may come early.
    EXPECT_TRUE(std::isnan(y_[4]));
  }
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y_[8 + i], x_[i]);
}

// The planted bug: a copy into what this thread still reads. Copies that only come with the wait would hide it.
__global__ void OverwriteWhatIsRead(const float* x, float* y) {
  METRONOME_SHARED(float, staged, 256);
  const unsigned at = threadIdx.x * 4;
  AsyncCopy16(staged + at, x);
  AsyncCopyCommit();
  AsyncCopyWait();
  AsyncCopy16(staged + at, x + 4);
  AsyncCopyCommit();
  y[threadIdx.x] = staged[at];
  AsyncCopyWait();
}

TEST(PlantedBugTest, ACopyIntoWhatIsReadShowsInTheShuffledOrder) {
  const std::vector<float> x = {1, 1, 1, 1, 2, 2, 2, 2};
  std::vector<float> y(64);
  emulation::Multiprocessor::OfThisThread().set_options({.order = emulation::ThreadOrder::kShuffled});
  Launch(DeviceContext(), OverwriteWhatIsRead, {.grid = dim3(1), .block = dim3(64)}, x.data(), y.data());
  ASSERT_EQ(emulation::Multiprocessor::OfThisThread().TakeError(), "");
  EXPECT_NE(std::count(y.begin(), y.end(), 2.0f), 0);
}

__global__ void CopyPart(const float* x, float* y, int valid_bytes) {
  METRONOME_SHARED(float, staged, 4);
  AsyncCopy16(staged, x, valid_bytes);
  AsyncCopyCommit();
  AsyncCopyWait();
  for (int i = 0; i < 4; ++i) y[i] = staged[i];
}

TEST_P(AsyncCopyTest, WhatIsNotValidBecomesZero) {
  for (int valid = 0; valid <= 4; ++valid) {
    ASSERT_EQ(Run(CopyPart, {.grid = dim3(1), .block = dim3(1)}, x_.data(), y_.data(), 4 * valid), "");
    for (int i = 0; i < 4; ++i) EXPECT_EQ(y_[i], i < valid ? x_[i] : 0);
  }
}

TEST_P(AsyncCopyTest, MisalignedCopiesAreFound) {
  EXPECT_THAT(Run(CopyPart, {.grid = dim3(1), .block = dim3(1)}, x_.data() + 1, y_.data(), 16),
              HasSubstr("misaligned"));
}

}  // namespace
}  // namespace metronome::kernels::cuda
