#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"
#include "tests/kernels/cuda/fakes/emulation_test.h"

namespace metronome::kernels::cuda {
namespace {

using ::testing::HasSubstr;

class BarrierTest : public EmulationTest {};
METRONOME_TEST_ALL_ORDERS(BarrierTest);

__global__ void ReadIndices(int* seen) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  ++seen[block * blockDim.x * blockDim.y * blockDim.z + thread];
}

TEST_P(BarrierTest, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<int> seen(2 * 3 * 2 * 5 * 2 * 7);
  EXPECT_EQ(Run(ReadIndices, {.grid = dim3(2, 3, 2), .block = dim3(5, 2, 7)}, seen.data()), "");
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
}

// Sums what other threads wrote; without the barrier, what they may not have written yet. That is the planted bug.
template <bool kBarrier>
__global__ void SumOfBlock(const float* x, float* sums) {
  METRONOME_SHARED(float, values, 96);
  values[threadIdx.x] = x[threadIdx.x];
  if (kBarrier) __syncthreads();
  float sum = 0;
  for (unsigned i = 0; i < blockDim.x; ++i) sum += values[i];
  sums[threadIdx.x] = sum;
}

TEST_P(BarrierTest, ABarrierShowsAllThatWasWrittenBefore) {
  std::vector<float> x(96), sums(96);
  std::iota(x.begin(), x.end(), 1.0f);
  EXPECT_EQ(Run(SumOfBlock<true>, {.grid = dim3(1), .block = dim3(96)}, x.data(), sums.data()), "");
  EXPECT_EQ(sums, std::vector<float>(96, 96 * 97 / 2));
}

TEST_P(BarrierTest, AMissingBarrierShowsAsNan) {
  std::vector<float> x(96, 1.0f), sums(96);
  EXPECT_EQ(Run(SumOfBlock<false>, {.grid = dim3(1), .block = dim3(96)}, x.data(), sums.data()), "");
  EXPECT_TRUE(std::any_of(sums.begin(), sums.end(), [](float sum) { return std::isnan(sum); }));
}

// A block reduction whose second barrier is missing: it is right only if the warp that reads comes last, so one of the
// fixed orders must find it.
__global__ void ReduceWithoutSecondBarrier(const float* x, float* sum) {
  METRONOME_SHARED(float, partials, 8);
  const float value = WarpReduce(x[threadIdx.x], Sum());
  if (threadIdx.x % 32 == 0) partials[threadIdx.x / 32] = value;
  if (threadIdx.x == 0) *sum = std::accumulate(partials, partials + 8, 0.0f);
}

TEST(PlantedBugTest, AMissingBarrierOfAReductionShowsInSomeOrder) {
  const std::vector<float> x(256, 1.0f);
  int wrong = 0;
  for (const emulation::ThreadOrder order : kAllOrders) {
    emulation::Multiprocessor::OfThisThread().set_options({.order = order});
    float sum = 0;
    Launch(DeviceContext(), ReduceWithoutSecondBarrier, {.grid = dim3(1), .block = dim3(256)}, x.data(), &sum);
    ASSERT_EQ(emulation::Multiprocessor::OfThisThread().TakeError(), "");
    if (sum != 256) ++wrong;
  }
  EXPECT_GE(wrong, 1);
  EXPECT_LT(wrong, 3) << "one order is lucky; if none is, the test shows nothing about orders";
}

// The scratch memory of a reduction is used again while slow threads may still read it.
__global__ void ReduceTwice(const float* x, float* sums) {
  const float first = BlockReduce<256>(x[threadIdx.x], Sum(), 0.0f);
  const float second = BlockReduce<256>(x[threadIdx.x] * 2, Sum(), 0.0f);
  sums[threadIdx.x] = first + 1000 * second;
}

TEST_P(BarrierTest, BlockReductionsMayFollowEachOther) {
  const std::vector<float> x(256, 1.0f);
  std::vector<float> sums(256);
  EXPECT_EQ(Run(ReduceTwice, {.grid = dim3(3), .block = dim3(256)}, x.data(), sums.data()), "");
  EXPECT_EQ(sums, std::vector<float>(256, 256 + 512000));
}

__global__ void Vote(int* results) {
  const int even = __syncthreads_count(threadIdx.x % 2 == 0);
  const int any = __syncthreads_or(threadIdx.x == 70), none = __syncthreads_or(0);
  const int all = __syncthreads_and(1), some = __syncthreads_and(threadIdx.x != 3);
  results[threadIdx.x] = even + 1000 * any + 2000 * none + 4000 * all + 8000 * some;
}

TEST_P(BarrierTest, BarriersCountVotes) {
  std::vector<int> results(75);
  EXPECT_EQ(Run(Vote, {.grid = dim3(1), .block = dim3(75)}, results.data()), "");
  EXPECT_EQ(results, std::vector<int>(75, 38 + 1000 + 4000));
}

__global__ void SomeReturnEarly(int* done) {
  if (threadIdx.x >= 40) return;
  __syncthreads();
  done[threadIdx.x] = 1;
}

TEST_P(BarrierTest, ThreadsThatReturnedAreNotWaitedFor) {
  std::vector<int> done(64);
  EXPECT_EQ(Run(SomeReturnEarly, {.grid = dim3(2), .block = dim3(64)}, done.data()), "");
  EXPECT_EQ(std::accumulate(done.begin(), done.end(), 0), 40);
}

__global__ void DivergentBarrier() {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_P(BarrierTest, ADivergentBarrierIsNamed) {
  const std::string error = Run(DivergentBarrier, {.grid = dim3(1), .block = dim3(32)});
  EXPECT_THAT(error, HasSubstr("divergent barrier"));
  EXPECT_THAT(error, HasSubstr("barrier_test.cc:"));
  EXPECT_THAT(error, HasSubstr("block (0, 0, 0) thread"));
}

__global__ void SomeWaitForABarrierThatOthersSkip() {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncwarp();
  }
}

TEST_P(BarrierTest, ADeadlockIsAnErrorThatSaysWhoWaitsWhere) {
  const std::string error = Run(SomeWaitForABarrierThatOthersSkip, {.grid = dim3(1), .block = dim3(32)});
  EXPECT_THAT(error, HasSubstr("deadlock in block (0, 0, 0)"));
  EXPECT_THAT(error, HasSubstr("thread 0 waits for the block at barrier_test.cc:"));
  EXPECT_THAT(error, HasSubstr("thread 16 waits for lanes ffffffff at barrier_test.cc:"));
}

// What was abandoned must not disturb what comes after.
TEST_P(BarrierTest, LaunchesWorkAfterAnError) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_NE(Run(DivergentBarrier, {.grid = dim3(1), .block = dim3(32)}), "");
    std::vector<float> x(96, 1.0f), sums(96);
    EXPECT_EQ(Run(SumOfBlock<true>, {.grid = dim3(1), .block = dim3(96)}, x.data(), sums.data()), "");
    EXPECT_EQ(sums, std::vector<float>(96, 96.0f));
  }
}

__global__ void WriteShared(int extra) {
  METRONOME_SHARED(float, values, 32);
  METRONOME_DYNAMIC_SHARED(float, dynamic);
  values[threadIdx.x] = dynamic[threadIdx.x] = 1;
  if (threadIdx.x == 31 && extra == 1) values[32] = 1;
  if (threadIdx.x == 31 && extra == 2) dynamic[32] = 1;
}

TEST_P(BarrierTest, WritesPastSharedMemoryAreFound) {
  const LaunchShape shape = {.grid = dim3(1), .block = dim3(32), .shared_bytes = 128};
  EXPECT_EQ(Run(WriteShared, shape, 0), "");
  EXPECT_THAT(Run(WriteShared, shape, 1), HasSubstr("past the end of its static shared memory of 128 bytes"));
  EXPECT_THAT(Run(WriteShared, shape, 2), HasSubstr("past the end of its dynamic shared memory of 128 bytes"));
}

__global__ void ReadFirstShared(float* value) {
  METRONOME_SHARED(float, values, 1);
  METRONOME_DYNAMIC_SHARED(float, dynamic);
  value[blockIdx.x] = values[0] + dynamic[0];
  values[0] = dynamic[0] = 5;
}

TEST_P(BarrierTest, SharedMemoryIsPoisonedInEachBlock) {
  std::vector<float> values(3);
  EXPECT_EQ(Run(ReadFirstShared, {.grid = dim3(3), .block = dim3(1), .shared_bytes = 4}, values.data()), "");
  for (const float value : values) EXPECT_TRUE(std::isnan(value));
}

TEST_P(BarrierTest, LimitsOfALaunchAreChecked) {
  int seen[1] = {};
  for (const LaunchShape& shape :
       {LaunchShape{.grid = dim3(1), .block = dim3(1025)}, LaunchShape{.grid = dim3(1, 65536), .block = dim3(1)},
        LaunchShape{.grid = dim3(1), .block = dim3(1), .shared_bytes = 228 * 1024}})
    EXPECT_THAT(Run(ReadIndices, shape, &seen[0]), HasSubstr("cannot launch"));
  EXPECT_EQ(seen[0], 0);
}

__global__ void MisalignedLoad(const float* x, float* y) { StoreVector(y, LoadVector(x + 1)); }

TEST_P(BarrierTest, MisalignedVectorsAreFound) {
  alignas(16) float x[8] = {}, y[8] = {};
  EXPECT_THAT(Run(MisalignedLoad, {.grid = dim3(1), .block = dim3(1)}, &x[0], &y[0]), HasSubstr("misaligned access"));
}

__global__ void OverflowStack(int depth, volatile int* out) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  if (depth > 0) OverflowStack(depth - 1, out);
  *out = frame[0];
}

using BarrierDeathTest = BarrierTest;
METRONOME_TEST_ALL_ORDERS(BarrierDeathTest);

TEST_P(BarrierDeathTest, AStackThatOverflowsFaults) {
  int out = 0;
  EXPECT_EQ(Run(OverflowStack, {.grid = dim3(1), .block = dim3(2)}, 8, &out), "");
  EXPECT_DEATH(Run(OverflowStack, {.grid = dim3(1), .block = dim3(2)}, 64, &out), "");
}

}  // namespace
}  // namespace metronome::kernels::cuda
