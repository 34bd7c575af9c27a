#include "runtime/kv/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"

namespace metronome::runtime {
namespace {

using ::testing::HasSubstr;

class KvCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    auto backend = kernels::CreateCpuBackend({.threads = 1});
    ASSERT_TRUE(backend.ok());
    backend_ = *std::move(backend);
  }
  std::unique_ptr<KvCache> Make(int64_t max_length) {
    auto cache = KvCache::Create(*backend_, specs_, {.max_length = max_length});
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }

  std::unique_ptr<kernels::Backend> backend_;
  std::vector<KvStateSpec> specs_ = {{"k", kernels::DType::kBFloat16, {3, 5}}, {"v", kernels::DType::kFloat32, {7}}};
};

TEST_F(KvCacheTest, GrowsKeepingContentsAndAddress) {
  const auto cache = Make(10000);
  ASSERT_TRUE(cache->EnsureCapacity(3).ok());
  const kernels::TensorView view = cache->View(0);
  EXPECT_EQ(view.shape, kernels::Shape({10000, 3, 5}));
  std::memset(view.data, 7, 3 * 30);

  ASSERT_TRUE(cache->EnsureCapacity(9999).ok());

  EXPECT_EQ(cache->View(0).data, view.data);
  EXPECT_EQ(static_cast<const char*>(view.data)[89], 7);
  static_cast<char*>(view.data)[9999 * 30 - 1] = 1;  // Usable to the end.
}

TEST_F(KvCacheTest, MemoryFollowsUse) {
  const auto cache = Make(int64_t{1} << 20);
  EXPECT_EQ(cache->bytes_committed(), 0);
  ASSERT_TRUE(cache->EnsureCapacity(100).ok());
  EXPECT_GE(cache->bytes_committed(), KvCache::BytesFor(specs_, 100, 100));
  EXPECT_LT(cache->bytes_committed(), KvCache::BytesFor(specs_, 400, 400));
  EXPECT_EQ(KvCache::BytesFor(specs_, 100, 100), 100 * (30 + 28));
}

TEST_F(KvCacheTest, LimitsAreNamed) {
  const auto cache = Make(8);
  const absl::Status status = cache->EnsureCapacity(9);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.message(), HasSubstr("9 positions exceed max_cache_len 8"));
  EXPECT_TRUE(cache->EnsureCapacity(8).ok());
  EXPECT_TRUE(cache->Advance(8).ok());
  EXPECT_EQ(cache->Advance(1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(cache->Truncate(-1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(cache->Truncate(9).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(cache->Truncate(2).ok());
  EXPECT_EQ(cache->length(), 2);
}

TEST_F(KvCacheTest, ImpossibleLengthsAreRefused) {
  EXPECT_EQ(KvCache::Create(*backend_, specs_, {.max_length = 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(KvCache::Create(*backend_, specs_, {.max_length = -5}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(KvCache::Create(*backend_, specs_, {.max_length = INT64_MAX}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(KvCache::Create(*backend_, specs_, {.max_length = int64_t{1} << 56}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(KvCacheTest, ForkCopiesWhatIsWritten) {
  const auto cache = Make(64);
  ASSERT_TRUE(cache->EnsureCapacity(4).ok());
  std::memset(cache->View(1).data, 3, 4 * 28);
  ASSERT_TRUE(cache->Advance(4).ok());

  const auto fork = cache->Fork();
  ASSERT_TRUE(fork.ok()) << fork.status();
  std::memset(cache->View(1).data, 9, 4 * 28);

  EXPECT_EQ((*fork)->length(), 4);
  EXPECT_EQ(static_cast<const char*>((*fork)->View(1).data)[111], 3);
}

class WindowedCacheTest : public KvCacheTest {
 protected:
  static constexpr int64_t kRow = 4096;  // Bytes: a page, so that a ring has no rows to spare.

  // The first sees 8 positions, the second all; steps are of at most 4.
  std::unique_ptr<KvCache> Make(int64_t max_length) {
    const std::vector<KvStateSpec> specs = {{"local", kernels::DType::kFloat32, {kRow / 4}, 8},
                                            {"global", kernels::DType::kFloat32, {kRow / 4}}};
    auto cache = KvCache::Create(*backend_, specs, {.max_length = max_length, .max_step = 4});
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }
  static float* RowOf(const KvCache& cache, int state, int64_t position) {
    return static_cast<float*>(cache.View(state).data) + position * (kRow / 4);
  }
  static void Append(KvCache& cache, int64_t positions) {
    ASSERT_TRUE(cache.EnsureCapacity(cache.length() + positions).ok());
    for (int64_t i = 0; i < positions; ++i) {
      for (int state = 0; state < 2; ++state) {
        float* const row = RowOf(cache, state, cache.length() + i);
        std::fill(row, row + kRow / 4, static_cast<float>(cache.length() + i));
      }
    }
    ASSERT_TRUE(cache.Advance(positions).ok());
  }
  static void ExpectRows(const KvCache& cache, int state, int64_t begin, int64_t end) {
    for (int64_t position = begin; position < end; ++position) {
      const float* const row = RowOf(cache, state, position);
      EXPECT_EQ(row[0], static_cast<float>(position));
      EXPECT_EQ(row[kRow / 4 - 1], static_cast<float>(position));
    }
  }
};

TEST_F(WindowedCacheTest, KeepsTheWindowInBoundedMemory) {
  const auto cache = Make(1000);
  for (int step = 0; step < 200; ++step) {
    Append(*cache, 1 + step % 4);
    ExpectRows(*cache, 0, std::max<int64_t>(0, cache->length() - 8), cache->length());
  }
  ExpectRows(*cache, 1, 0, cache->length());
  EXPECT_EQ(cache->View(0).shape, kernels::Shape({1000, kRow / 4}));
  const int64_t global = (cache->length() + 63) / 64 * 64 * kRow;
  EXPECT_EQ(cache->bytes_committed(), global + (8 - 1 + 4) * kRow);
}

TEST_F(WindowedCacheTest, BytesAreThoseOfWindowAndStep) {
  const std::vector<KvStateSpec> specs = {{"local", kernels::DType::kBFloat16, {2, 3}, 8},
                                          {"global", kernels::DType::kBFloat16, {2, 3}}};
  EXPECT_EQ(KvCache::BytesFor(specs, 5, 4), (5 + 5) * 12);
  EXPECT_EQ(KvCache::BytesFor(specs, 1000, 4), (11 + 1000) * 12);
  EXPECT_EQ(KvCache::BytesFor(specs, 1000, 1000), (1000 + 1000) * 12);
}

TEST_F(WindowedCacheTest, AWholeCacheOfWindowedLengthIsNoRing) {
  const auto cache = Make(11);
  for (int step = 0; step < 11; ++step) Append(*cache, 1);
  ExpectRows(*cache, 0, 0, 11);
  EXPECT_TRUE(cache->Truncate(1).ok());
}

TEST_F(WindowedCacheTest, StepsBeyondTheAgreedSizeAreRefused) {
  const auto cache = Make(1000);
  Append(*cache, 4);
  const absl::Status status = cache->EnsureCapacity(9);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("a step of 5 tokens exceeds the 4"));
  EXPECT_TRUE(cache->EnsureCapacity(8).ok());
  for (const int64_t step : {0, 1001}) {
    EXPECT_EQ(KvCache::Create(*backend_, specs_, {.max_length = 1000, .max_step = step}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

// The window of 8 before position 94 begins at 87; the ring's 11 rows before 98 do too.
TEST_F(WindowedCacheTest, TruncatesAsFarAsTheRingReaches) {
  const auto cache = Make(1000);
  for (int step = 0; step < 98; ++step) Append(*cache, 1);
  EXPECT_EQ(cache->Truncate(93).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(cache->length(), 98);
  EXPECT_TRUE(cache->Truncate(94).ok());
  ExpectRows(*cache, 0, 87, 94);
  Append(*cache, 1);
  EXPECT_EQ(cache->Truncate(93).code(), absl::StatusCode::kFailedPrecondition);  // What was written stays so.
  EXPECT_TRUE(cache->Truncate(0).ok());
  for (int step = 0; step < 30; ++step) Append(*cache, 4);
  ExpectRows(*cache, 0, 120 - 8, 120);
}

// A step that failed has written its rows.
TEST_F(WindowedCacheTest, RowsOfFailedStepsCount) {
  const auto cache = Make(1000);
  for (int step = 0; step < 94; ++step) Append(*cache, 1);
  ASSERT_TRUE(cache->EnsureCapacity(98).ok());
  EXPECT_TRUE(cache->Truncate(94).ok());
  EXPECT_EQ(cache->Truncate(93).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WindowedCacheTest, ForkCopiesTheRing) {
  const auto cache = Make(1000);
  for (int step = 0; step < 50; ++step) Append(*cache, 3);
  const auto fork = cache->Fork();
  ASSERT_TRUE(fork.ok()) << fork.status();
  Append(*cache, 4);
  EXPECT_EQ((*fork)->length(), 150);
  ExpectRows(**fork, 0, 142, 150);
  ExpectRows(**fork, 1, 0, 150);
  EXPECT_EQ((*fork)->EnsureCapacity(155).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WindowedCacheTest, AdvancesToADepthWithRandomRows) {
  const auto cache = Make(1000), same = Make(1000), other = Make(1000);
  ASSERT_TRUE(cache->AdvanceRandomly(300, 1).ok());
  ASSERT_TRUE(same->AdvanceRandomly(300, 1).ok());
  ASSERT_TRUE(other->AdvanceRandomly(300, 2).ok());
  EXPECT_EQ(cache->length(), 300);
  for (int state = 0; state < 2; ++state) {
    for (int64_t position = state == 0 ? 292 : 0; position < 300; ++position) {
      EXPECT_EQ(std::memcmp(RowOf(*cache, state, position), RowOf(*same, state, position), kRow), 0);
      EXPECT_NE(std::memcmp(RowOf(*cache, state, position), RowOf(*other, state, position), kRow), 0);
      for (int i = 0; i < kRow / 4; ++i) EXPECT_LT(std::abs(RowOf(*cache, state, position)[i]), 10);
    }
  }
  Append(*cache, 1);
  EXPECT_EQ(cache->AdvanceRandomly(300, 1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(cache->AdvanceRandomly(1001, 1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(cache->length(), 301);
}

}  // namespace
}  // namespace metronome::runtime
