#include "kernels/base/thread_pool.h"

#include <atomic>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome {
namespace {

TEST(ThreadPoolTest, CoversEveryIndexOnceForAnyCountAndGrain) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int64_t count : {0, 1, 7, 64, 1001}) {
      for (int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> visits(count);

        pool.ParallelFor(count, grain, [&](int64_t begin, int64_t end, int member) {
          EXPECT_EQ(begin % grain, 0);
          EXPECT_LE(end - begin, grain);
          EXPECT_GE(member, 0);
          EXPECT_LT(member, pool.size());
          for (int64_t i = begin; i < end; ++i) ++visits[i];
        });

        for (int64_t i = 0; i < count; ++i) EXPECT_EQ(visits[i], 1) << "index " << i << " of " << count;
      }
    }
  }
}

// Many short tasks in a row cross the boundary between spinning and parking workers in every order.
TEST(ThreadPoolTest, EffectsOfEveryTaskAreVisibleToTheNext) {
  ThreadPool pool(4);
  std::vector<int64_t> values(256, 0);

  for (int round = 0; round < 5000; ++round) {
    pool.ParallelFor(256, 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) values[i] = round + 1;
    });
    for (int64_t i = 0; i < 256; ++i) ASSERT_EQ(values[i], round + 1);
  }
}

TEST(ThreadPoolTest, ZeroThreadsMeansAtLeastOne) { EXPECT_GE(ThreadPool(0).size(), 1); }

}  // namespace
}  // namespace metronome
