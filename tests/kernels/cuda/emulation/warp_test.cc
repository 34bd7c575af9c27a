#include <numeric>
#include <vector>

#include "kernels/cuda/primitives/group.cuh"
#include "tests/kernels/cuda/fakes/emulation_test.h"

namespace metronome::kernels::cuda {
namespace {

using ::testing::HasSubstr;

class WarpTest : public EmulationTest {};
METRONOME_TEST_ALL_ORDERS(WarpTest);

constexpr int kThreads = 64;
const LaunchShape kTwoWarps = {.grid = dim3(1), .block = dim3(kThreads)};

// Each thread brings 100 times its rank.
enum class Move { kSync, kXor, kDown, kUp };
__global__ void Shuffle(Move move, int argument, int width, int* got) {
  const int value = 100 * static_cast<int>(threadIdx.x);
  int result = 0;
  if (move == Move::kSync) result = __shfl_sync(kAllLanes, value, argument, width);
  if (move == Move::kXor) result = __shfl_xor_sync(kAllLanes, value, argument, width);
  if (move == Move::kDown) result = __shfl_down_sync(kAllLanes, value, static_cast<unsigned>(argument), width);
  if (move == Move::kUp) result = __shfl_up_sync(kAllLanes, value, static_cast<unsigned>(argument), width);
  got[threadIdx.x] = result;
}

// The CUDA programming guide's definitions, spelled out: the lane that each reads.
int SourceLane(Move move, int lane, int argument, int width) {
  const int segment = lane / width * width, in_segment = lane % width;
  switch (move) {
    case Move::kSync:
      return segment + argument % width;
    case Move::kXor: {
      const int source = lane ^ argument;
      return source / width * width <= segment ? source : lane;  // Later segments give nothing.
    }
    case Move::kDown:
      return in_segment + argument < width ? lane + argument : lane;
    case Move::kUp:
      return in_segment >= argument ? lane - argument : lane;
  }
  return lane;
}

TEST_P(WarpTest, ShufflesReadTheLaneTheyName) {
  for (const Move move : {Move::kSync, Move::kXor, Move::kDown, Move::kUp}) {
    for (const int width : {2, 8, 32}) {
      for (const int argument : {0, 1, 5, 16, 31}) {
        std::vector<int> got(kThreads);
        ASSERT_EQ(Run(Shuffle, kTwoWarps, move, argument, width, got.data()), "");
        for (int thread = 0; thread < kThreads; ++thread) {
          const int warp = thread / 32 * 32;
          ASSERT_EQ(got[thread], 100 * (warp + SourceLane(move, thread - warp, argument, width)))
              << "move " << static_cast<int>(move) << " width " << width << " argument " << argument << " thread "
              << thread;
        }
      }
    }
  }
}

__global__ void Votes(uint32_t* ballots, int* any_and_all) {
  const uint32_t odd = __ballot_sync(kAllLanes, threadIdx.x % 2);
  const int any = __any_sync(kAllLanes, threadIdx.x == 40), all = __all_sync(kAllLanes, threadIdx.x != 40);
  ballots[threadIdx.x] = odd;
  any_and_all[threadIdx.x] = any * 2 + all;
}

TEST_P(WarpTest, VotesAreOfOneWarp) {
  std::vector<uint32_t> ballots(kThreads);
  std::vector<int> any_and_all(kThreads);
  ASSERT_EQ(Run(Votes, kTwoWarps, ballots.data(), any_and_all.data()), "");
  EXPECT_EQ(ballots, std::vector<uint32_t>(kThreads, 0xaaaaaaaau));
  for (int thread = 0; thread < kThreads; ++thread) EXPECT_EQ(any_and_all[thread], thread < 32 ? 1 : 2);
}

// Half a warp meets three times by itself, then all lanes: the halves have met a different number of times.
__global__ void SomeMeetMoreOften(int* sums) {
  int sum = 0;
  if (threadIdx.x < 16) {
    for (int i = 1; i < 4; ++i) sum += __shfl_xor_sync(0x0000ffffu, static_cast<int>(threadIdx.x), i);
  }
  for (int i = 0; i < 3; ++i) sum += __shfl_sync(kAllLanes, 1000 * (i + 1) + static_cast<int>(threadIdx.x), 31 - i);
  sums[threadIdx.x] = sum;
}

TEST_P(WarpTest, LanesMayHaveMetADifferentNumberOfTimes) {
  std::vector<int> sums(32);
  ASSERT_EQ(Run(SomeMeetMoreOften, {.grid = dim3(1), .block = dim3(32)}, sums.data()), "");
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(sums[lane], 6000 + 31 + 30 + 29 + (lane < 16 ? (lane ^ 1) + (lane ^ 2) + (lane ^ 3) : 0)) << lane;
}

__global__ void ShuffleFromOutside(int* got) {
  if (threadIdx.x < 16) got[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 20);
}

TEST_P(WarpTest, AShuffleFromALaneThatTakesNoPartIsAnError) {
  std::vector<int> got(32);
  EXPECT_THAT(Run(ShuffleFromOutside, {.grid = dim3(1), .block = dim3(32)}, got.data()),
              HasSubstr("reads lane 20, which takes no part"));
}

__global__ void DifferentMasks() { __syncwarp(threadIdx.x == 0 ? 0x3u : kAllLanes); }

TEST_P(WarpTest, LanesThatDisagreeAboutTheMaskDeadlock) {
  EXPECT_THAT(Run(DifferentMasks, {.grid = dim3(1), .block = dim3(32)}), HasSubstr("deadlock"));
}

__global__ void DifferentCollectives() {
  if (threadIdx.x == 0) {
    __ballot_sync(kAllLanes, 1);
  } else {
    __syncwarp();
  }
}

TEST_P(WarpTest, LanesThatMeetInDifferentCollectivesAreAnError) {
  EXPECT_THAT(Run(DifferentCollectives, {.grid = dim3(1), .block = dim3(32)}), HasSubstr("different collectives"));
}

__global__ void ForeignMask() { __syncwarp(0x2u); }

TEST_P(WarpTest, ALaneMustBeInItsMask) {
  EXPECT_THAT(Run(ForeignMask, {.grid = dim3(1), .block = dim3(1)}), HasSubstr("not in its own mask"));
}

__global__ void ReduceInGroups(float* eights, float* all) {
  eights[threadIdx.x] = WarpReduce<8>(static_cast<float>(threadIdx.x), Sum());
  all[threadIdx.x] = WarpReduce(static_cast<float>(threadIdx.x), Max());
}

TEST_P(WarpTest, ReductionsFoldTheirLanes) {
  std::vector<float> eights(kThreads), all(kThreads);
  ASSERT_EQ(Run(ReduceInGroups, kTwoWarps, eights.data(), all.data()), "");
  for (int thread = 0; thread < kThreads; ++thread) {
    const int first = thread / 8 * 8;
    EXPECT_EQ(eights[thread], static_cast<float>(8 * first + 28));
    EXPECT_EQ(all[thread], thread < 32 ? 31 : 63);
  }
}

// Writes what the neighbour reads with nothing between: lanes of a warp are not in step.
__global__ void NeighbourWithoutSync(int* got) {
  METRONOME_SHARED(int, values, 32);
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  got[threadIdx.x] = values[31 - threadIdx.x];
}

TEST_P(WarpTest, LanesAreNotInStep) {
  std::vector<int> got(32);
  ASSERT_EQ(Run(NeighbourWithoutSync, {.grid = dim3(1), .block = dim3(32)}, got.data()), "");
  EXPECT_NE(std::count(got.begin(), got.end(), -1), 0);
}

__global__ void Count(unsigned* total, int* last) {
  const unsigned before = atomicAdd(total, 1u);
  if (before == gridDim.x * blockDim.x - 1) atomicMax(last, static_cast<int>(blockIdx.x));
}

TEST_P(WarpTest, AtomicsCountEveryThread) {
  unsigned total = 0;
  int last = -1;
  ASSERT_EQ(Run(Count, {.grid = dim3(7), .block = dim3(33)}, &total, &last), "");
  EXPECT_EQ(total, 7u * 33);
  EXPECT_EQ(last, GetParam() == emulation::ThreadOrder::kForward   ? 6
                  : GetParam() == emulation::ThreadOrder::kReverse ? 0
                                                                   : last);
}

}  // namespace
}  // namespace metronome::kernels::cuda
