#include "kernels/catalogue/op_table.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "kernels/catalogue/catalogue.h"

namespace metronome::kernels {
namespace {

// "ReduceSum" of "reduce_sum".
std::string IdOf(absl::string_view name) {
  std::string id;
  bool starts = true;
  for (const char c : name) {
    if (c != '_') id += starts ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    starts = c == '_';
  }
  return id;
}

TEST(OpTableTest, NamesAndIdentifiersAreTheSameWord) {
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    EXPECT_EQ(ParseOp(Name(op)), op);
    EXPECT_EQ(RowOf(op).id, IdOf(Name(op)));
  }
  EXPECT_EQ(ParseOp("convolution"), std::nullopt);
}

TEST(OpTableTest, WhatIsLaunchedIsInTheCatalogueWithTheSameOperands) {
  int kernels = 0;
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    const KernelSpec* const spec = FindKernelSpec(Name(op));
    const bool launched = op == Op::kIota || (!IsLeaf(op) && GroupOf(op) != OpGroup::kView);
    ASSERT_EQ(spec != nullptr, launched) << Name(op);
    if (spec == nullptr) continue;
    ++kernels;
    EXPECT_EQ(spec->op, op);
    EXPECT_EQ(spec->max_inputs, RowOf(op).most_inputs);
    EXPECT_EQ(spec->max_outputs, RowOf(op).most_outputs);
    EXPECT_NE(spec->check, nullptr);
    EXPECT_NE(spec->cost, nullptr);
  }
  EXPECT_EQ(kernels, static_cast<int>(KernelCatalogue().size()));
}

TEST(OpTableTest, OperandsFollowFromTheGroup) {
  for (const OpRow& row : kOpTable) {
    const int operands =
        row.group == OpGroup::kLeaf                                                                         ? 0
        : row.group == OpGroup::kUnary || row.group == OpGroup::kCast || row.group == OpGroup::kReduction   ? 1
        : row.group == OpGroup::kBinary || row.group == OpGroup::kCompare || row.group == OpGroup::kLogical ? 2
        : row.group == OpGroup::kSelect                                                                     ? 3
                                                                                                            : -1;
    if (operands < 0) continue;
    EXPECT_EQ(row.least_inputs, operands) << row.name;
    EXPECT_EQ(row.most_inputs, operands) << row.name;
  }
}

TEST(OpTableTest, TraitsAreAskedForByName) {
  EXPECT_TRUE(HasTrait("attention", kWindowed));
  EXPECT_TRUE(HasTrait("cache_write", kReadsPosition));
  EXPECT_FALSE(HasTrait("linear", kReadsPosition));
  EXPECT_TRUE(HasTrait("gated_experts", kExpertProduct));
  EXPECT_FALSE(HasTrait("convolution", kProduct));
}

TEST(OpTableTest, CachesAreWrittenInPlace) {
  EXPECT_EQ(WrittenInput(Op::kCacheWrite, 0), 0);
  EXPECT_EQ(WrittenInput(Op::kQkvRopeCache, 0), -1);
  EXPECT_EQ(WrittenInput(Op::kQkvRopeCache, 1), 6);
  EXPECT_EQ(WrittenInput(Op::kQkvRopeCache, 2), 7);
  EXPECT_EQ(WrittenInput(Op::kAdd, 0), -1);
}

}  // namespace
}  // namespace metronome::kernels
