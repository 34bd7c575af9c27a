#include "kernels/cpu/optimised/row_slices.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace metronome::kernels::cpu {
namespace {

// Every row of every matrix once, in order, and no slice larger than asked for.
void ExpectCover(const std::vector<RowsToSlice>& matrices, const std::vector<RowSlice>& slices) {
  size_t at = 0;
  for (size_t i = 0; i < matrices.size(); ++i) {
    for (int64_t row = 0; row < matrices[i].rows; ++at) {
      ASSERT_LT(at, slices.size());
      EXPECT_EQ(slices[at].matrix, static_cast<int64_t>(i));
      EXPECT_EQ(slices[at].begin, row);
      EXPECT_GT(slices[at].count, 0);
      EXPECT_LE(slices[at].count, matrices[i].most);
      row += slices[at].count;
      EXPECT_LE(row, matrices[i].rows);
    }
  }
  EXPECT_EQ(at, slices.size());
}

TEST(RowSlicesTest, CoverAllRowsOnce) {
  for (const int members : {1, 2, 3, 64}) {
    for (const int64_t rows : {0, 1, 7, 8, 9, 500, 2048, 128256}) {
      const std::vector<RowsToSlice> matrices = {{rows, 128, 16}, {37, 8, 8}, {0, 64, 8}, {rows, 100, 100}};
      ExpectCover(matrices, SliceRows(matrices, members));
    }
  }
}

TEST(RowSlicesTest, ShrinkTowardsTheEnd) {
  const RowsToSlice matrix = {.rows = 2048, .most = 256, .least = 16};

  const std::vector<RowSlice> slices = SliceRows({&matrix, 1}, 2);

  EXPECT_EQ(slices.front().count, 256);
  EXPECT_LE(slices.back().count, 16);
  EXPECT_TRUE(std::is_sorted(slices.rbegin(), slices.rend(),
                             [](const RowSlice& a, const RowSlice& b) { return a.count < b.count; }));
  for (size_t i = 0; i + 1 < slices.size(); ++i) EXPECT_EQ(slices[i].count % 8, 0) << i;
}

TEST(RowSlicesTest, StayLargeWhileOtherMatricesFollow) {
  const RowsToSlice matrices[] = {{512, 256, 8}, {512, 256, 8}, {8192, 256, 8}};

  const std::vector<RowSlice> slices = SliceRows(matrices, 2);

  EXPECT_EQ(slices[0].count, 256);
  EXPECT_EQ(slices[3].count, 256);
}

TEST(RowSlicesTest, OfOneSizeWhereLeastIsMost) {
  const RowsToSlice matrix = {.rows = 200, .most = 64, .least = 64};

  const std::vector<RowSlice> slices = SliceRows({&matrix, 1}, 2);

  ASSERT_EQ(slices.size(), 4u);
  EXPECT_EQ(slices[2].count, 64);
  EXPECT_EQ(slices[3].count, 8);
}

}  // namespace
}  // namespace metronome::kernels::cpu
