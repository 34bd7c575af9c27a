#include "runtime/engine/recording_cache.h"

#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

TEST(RecordingCacheTest, CountsVisitsByPlace) {
  RecordingCache cache;
  EXPECT_EQ(cache.Visit({1, 2}).visits, 1);
  EXPECT_EQ(cache.Visit({1, 3}).visits, 1);
  EXPECT_EQ(cache.Visit({1, 2}).visits, 2);
  EXPECT_EQ(cache.Visit({1}).visits, 1);
  EXPECT_EQ(cache.size(), 3u);
}

TEST(RecordingCacheTest, WhatWasVisitedLongestAgoGoes) {
  class Nothing final : public kernels::Recording {};
  RecordingCache cache;
  for (uint64_t place = 0; place < RecordingCache::kMostEntries; ++place)
    cache.Visit({place}).recording = std::make_unique<Nothing>();
  cache.Visit({0});
  cache.Visit({1000});
  EXPECT_EQ(cache.size(), RecordingCache::kMostEntries);
  EXPECT_NE(cache.Visit({0}).recording, nullptr);
  EXPECT_EQ(cache.Visit({0}).visits, 4);
  EXPECT_NE(cache.Visit({2}).recording, nullptr);
  EXPECT_EQ(cache.Visit({1}).visits, 1);  // It was gone.
}

}  // namespace
}  // namespace metronome::runtime
