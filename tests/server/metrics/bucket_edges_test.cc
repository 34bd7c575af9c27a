#include "server/metrics/bucket_edges.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

TEST(BucketEdgesTest, DefaultsHaveEveryMlperfLimitAndAreValid) {
  const BucketEdges edges = BucketEdges::Default();
  EXPECT_THAT(edges.request, IsSupersetOf({.45, .5, 1.5, 2., 3., 4.5, 6.}));
  EXPECT_THAT(edges.token, IsSupersetOf({.015, .03, .04, .08, .1, .175, .2}));
  EXPECT_EQ(edges.request.front(), .001);
  EXPECT_EQ(edges.token.front(), .0005);
  EXPECT_TRUE(CheckBucketEdges("request_buckets", edges.request).ok());
  EXPECT_TRUE(CheckBucketEdges("token_buckets", edges.token).ok());
}

TEST(BucketEdgesTest, WhatHistogramsCannotHaveIsRefusedByName) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  std::vector<double> many;
  for (int i = 1; i <= 101; ++i) many.push_back(i);
  for (const std::vector<double>& edges :
       {std::vector<double>{}, {0}, {-1}, {1, 1}, {2, 1}, {nan}, {1, nan, 2}, {1, infinity}, many}) {
    const absl::Status status = CheckBucketEdges("token_buckets", edges);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("token_buckets"));
  }
  many.pop_back();
  EXPECT_TRUE(CheckBucketEdges("token_buckets", many).ok());
}

}  // namespace
}  // namespace metronome::server
