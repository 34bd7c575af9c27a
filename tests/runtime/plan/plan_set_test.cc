#include "runtime/plan/plan_set.h"

#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

TEST(PlanSetTest, TheNearestBucketIsThatInRatio) {
  PlanSet plans;
  for (int64_t seq : kBuckets) plans.push_back({.seq = seq, .plan = {}});
  const std::pair<int64_t, int64_t> cases[] = {{1, 1},     {3, 1},      {5, 16},      {16, 16},      {21, 16},
                                               {31, 16},   {33, 64},    {127, 64},    {129, 256},    {256, 256},
                                               {511, 256}, {513, 1024}, {1024, 1024}, {100000, 1024}};
  for (const auto& [seq, bucket] : cases) EXPECT_EQ(plans[NearestBucket(plans, seq)].seq, bucket) << seq;
  plans.resize(1);
  EXPECT_EQ(NearestBucket(plans, 500), 0u);
}

TEST(PlanSetTest, TheHashDependsOnEveryPlan) {
  PlanSet plans = {{.seq = 1, .plan = {}}, {.seq = 16, .plan = {}}};
  const std::string hash = Hash(plans);
  EXPECT_EQ(hash.size(), 16u);
  EXPECT_EQ(Hash(plans), hash);
  plans[1].plan.results = {3};
  const std::string other = Hash(plans);
  EXPECT_NE(other, hash);
  plans[1].seq = 64;
  EXPECT_NE(Hash(plans), other);
  plans.resize(1);
  EXPECT_EQ(Hash(plans), plans[0].plan.Hash());
}

}  // namespace
}  // namespace metronome::runtime
