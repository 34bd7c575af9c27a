#include "runtime/kv/kv_cache.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"

namespace metronome {
namespace {

using ::testing::HasSubstr;

class KvCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    auto backend = CreateCpuBackend({.threads = 1});
    ASSERT_TRUE(backend.ok());
    backend_ = *std::move(backend);
  }
  std::unique_ptr<KvCache> Make(int64_t max_length) {
    auto cache = KvCache::Create(*backend_, specs_, max_length);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }

  std::unique_ptr<Backend> backend_;
  std::vector<KvStateSpec> specs_ = {{"k", DType::kBFloat16, {3, 5}}, {"v", DType::kFloat32, {7}}};
};

TEST_F(KvCacheTest, GrowsKeepingContentsAndAddress) {
  const auto cache = Make(10000);
  ASSERT_TRUE(cache->EnsureCapacity(3).ok());
  const TensorView view = cache->View(0);
  EXPECT_EQ(view.shape, Shape({10000, 3, 5}));
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
  EXPECT_GE(cache->bytes_committed(), KvCache::BytesFor(specs_, 100));
  EXPECT_LT(cache->bytes_committed(), KvCache::BytesFor(specs_, 400));
  EXPECT_EQ(KvCache::BytesFor(specs_, 100), 100 * (30 + 28));
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
  EXPECT_EQ(KvCache::Create(*backend_, specs_, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(KvCache::Create(*backend_, specs_, -5).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(KvCache::Create(*backend_, specs_, INT64_MAX).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(KvCache::Create(*backend_, specs_, int64_t{1} << 56).status().code(), absl::StatusCode::kResourceExhausted);
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

}  // namespace
}  // namespace metronome
