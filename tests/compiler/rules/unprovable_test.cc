#include <algorithm>
#include <string>
#include <vector>

#include "compiler/egraph/e_graph.h"
#include "compiler/egraph/runner.h"
#include "compiler/rules/rules.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compiler/evaluation.h"
#include "tests/compiler/rules/rule_examples.h"

namespace metronome::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr runtime::StepShape kStep = {.seq = 3, .past = 2};
constexpr int64_t kWidth = 6;

// Formulas one step away from one that a rule knows. Shapes are chosen so that they alone would not stop the rule.
class UnprovableTest : public ::testing::TestWithParam<kernels::DType> {
 protected:
  // The fused forms in any class after saturation; what was proven must be true of numbers besides.
  std::vector<std::string> FusedForms(std::vector<compiler::NodeId> results) {
    Saturated(std::move(results));
    std::vector<std::string> forms;
    for (int op = static_cast<int>(kernels::Op::kSoftmax); op < kernels::kOpCount; ++op) {
      if (!egraph_.ClassesWith(static_cast<kernels::Op>(op)).empty())
        forms.emplace_back(Name(static_cast<kernels::Op>(op)));
    }
    return forms;
  }
  std::vector<std::string> FusedForms(compiler::NodeId result) {
    return FusedForms(std::vector<compiler::NodeId>{result});
  }

  // The classes of these nodes afterwards.
  std::vector<compiler::ClassId> Saturated(std::vector<compiler::NodeId> results) {
    const absl::StatusOr<compiler::Graph> graph = b_.Finish(results);
    EXPECT_TRUE(graph.ok()) << graph.status();
    if (!graph.ok()) return {};
    const absl::StatusOr<std::vector<compiler::ClassId>> classes = compiler::AddGraph(*graph, egraph_);
    EXPECT_TRUE(classes.ok()) << classes.status();
    const absl::StatusOr<compiler::RunReport> report = compiler::Saturate(egraph_, compiler::AllRules(), {});
    EXPECT_TRUE(report.ok()) << report.status();
    ExpectClassesAgree(egraph_, *graph, *classes, Evaluator(kStep));
    std::vector<compiler::ClassId> found;
    for (compiler::NodeId id : results) found.push_back(egraph_.Find((*classes)[id]));
    return found;
  }

  size_t MostOperands(kernels::Op op) const {
    size_t most = 0;
    for (compiler::ClassId id : egraph_.ClassesWith(op)) {
      for (const compiler::ENode& node : egraph_.Class(id).nodes)
        most = std::max(most, node.op == op ? node.children.size() : 0);
    }
    return most;
  }

  compiler::NodeId Square(absl::string_view name = "x") { return b_.Input(name, GetParam(), {kWidth, kWidth}); }
  // The mean of squares in float32 over one axis of a square.
  compiler::NodeId MeanSquare(compiler::NodeId x32, int axis = -1) {
    return b_.Mul(b_.ReduceSum(b_.Mul(x32, x32), axis), 1.0 / kWidth);
  }

  static kernels::DType OtherNarrowDType() {
    return GetParam() == kernels::DType::kBFloat16 ? kernels::DType::kFloat16 : kernels::DType::kBFloat16;
  }

  FormulaBuilder b_{GetParam(), kWidth};
  compiler::EGraph egraph_;
};

std::string DTypeName(const ::testing::TestParamInfo<kernels::DType>& info) { return std::string(Name(info.param)); }

INSTANTIATE_TEST_SUITE_P(DTypes, UnprovableTest, ::testing::ValuesIn(kFloats), DTypeName);

// What is false only where the dtype rounds more than float32.
class UnprovableInNarrowDTypesTest : public UnprovableTest {};
INSTANTIATE_TEST_SUITE_P(DTypes, UnprovableInNarrowDTypesTest,
                         ::testing::Values(kernels::DType::kBFloat16, kernels::DType::kFloat16), DTypeName);

TEST_P(UnprovableTest, AMeanOverRowsIsNoNorm) {
  const compiler::NodeId x32 = b_.Float(Square());
  EXPECT_THAT(FusedForms(b_.Round(b_.Mul(x32, b_.Rsqrt(b_.Add(MeanSquare(x32, 0), 0.25))))), IsEmpty());
}

TEST_P(UnprovableTest, EpsOutsideTheRootIsNoNorm) {
  const compiler::NodeId x32 = b_.Float(Square());
  EXPECT_THAT(FusedForms(b_.Round(b_.Mul(x32, b_.Add(b_.Rsqrt(MeanSquare(x32)), 0.25)))), IsEmpty());
}

TEST_P(UnprovableTest, EpsInsideTheSumIsNoNorm) {
  const compiler::NodeId x32 = b_.Float(Square());
  const compiler::NodeId mean = b_.Mul(b_.Add(b_.ReduceSum(b_.Mul(x32, x32), -1), 0.25), 1.0 / kWidth);
  EXPECT_THAT(FusedForms(b_.Round(b_.Mul(x32, b_.Rsqrt(mean)))), IsEmpty());
}

// No kernel takes it.
TEST_P(UnprovableTest, ANegativeEpsIsNoNorm) {
  const compiler::NodeId ones = b_.Add(Square(), 4.0);
  EXPECT_THAT(FusedForms(b_.Round(b_.Normalised(ones, -0.25))), IsEmpty());
}

TEST_P(UnprovableTest, TheNormOfAnotherTensorIsNoNorm) {
  const compiler::NodeId y32 = b_.Float(Square("y"));
  EXPECT_THAT(FusedForms(b_.Round(b_.Mul(b_.Float(Square()), b_.Rsqrt(b_.Add(MeanSquare(y32), 0.25))))), IsEmpty());
}

TEST_P(UnprovableTest, AMeanOfProductsIsNoNorm) {
  const compiler::NodeId x32 = b_.Float(Square()), y32 = b_.Float(Square("y"));
  const compiler::NodeId mean = b_.Mul(b_.ReduceSum(b_.Mul(x32, y32), -1), 1.0 / kWidth);
  EXPECT_THAT(FusedForms(b_.Round(b_.Mul(x32, b_.Rsqrt(b_.Add(b_.Mul(mean, mean), 0.25))))), IsEmpty());
}

TEST_P(UnprovableTest, AWeightForEachRowIsNotTheNorms) {
  const compiler::NodeId weight = b_.Reshape(b_.Vector("w"), {kWidth, 1});
  Saturated({b_.Mul(b_.Round(b_.Normalised(Square())), weight)});
  EXPECT_EQ(MostOperands(kernels::Op::kRmsNorm), 1u);
}

// Rounded before it is squared, another number comes out.
TEST_P(UnprovableInNarrowDTypesTest, StatisticsInANarrowDTypeAreNoNorm) {
  const compiler::NodeId x = Square();
  const compiler::NodeId mean = b_.Mul(b_.ReduceSum(b_.Mul(x, x), -1), 1.0 / kWidth);
  EXPECT_THAT(FusedForms(b_.Mul(x, b_.Rsqrt(b_.Add(mean, 0.25)))), IsEmpty());
}

TEST_P(UnprovableTest, ASumThatBroadcastsStaysOutOfTheNorm) {
  const compiler::NodeId sum = b_.Add(Square(), b_.Vector("row"));
  EXPECT_THAT(FusedForms(b_.Mul(b_.Vector("w"), b_.Round(b_.Normalised(sum)))), ElementsAre("rms_norm"));
}

TEST_P(UnprovableTest, OverRowsIsNoSoftmax) {
  const compiler::NodeId x = Square(), e = b_.Exp(b_.Sub(x, b_.ReduceMax(x, 0)));
  EXPECT_THAT(FusedForms(b_.Div(e, b_.ReduceSum(e, 0))), IsEmpty());
}

TEST_P(UnprovableTest, ASumOverTheOtherAxisIsNoSoftmax) {
  const compiler::NodeId x = Square(), e = b_.Exp(b_.Sub(x, b_.ReduceMax(x, -1)));
  EXPECT_THAT(FusedForms(b_.Div(e, b_.ReduceSum(e, 0))), IsEmpty());
}

TEST_P(UnprovableTest, TheLargestOfAnotherTensorIsNoSoftmax) {
  const compiler::NodeId e = b_.Exp(b_.Sub(Square(), b_.ReduceMax(Square("y"), -1)));
  EXPECT_THAT(FusedForms(b_.Div(e, b_.ReduceSum(e, -1))), IsEmpty());
}

TEST_P(UnprovableTest, TheSumOfAnotherTensorIsNoSoftmax) {
  const compiler::NodeId x = Square(), y = Square("y");
  const compiler::NodeId e = b_.Exp(b_.Sub(x, b_.ReduceMax(x, -1))), f = b_.Exp(b_.Sub(y, b_.ReduceMax(y, -1)));
  EXPECT_THAT(FusedForms(b_.Div(e, b_.ReduceSum(f, -1))), IsEmpty());
}

// A norm after the product, of another input, and without a weight.
TEST_P(UnprovableTest, OnlyAWeightedNormOfTheInputIsAPrologue) {
  const auto norm = [&](compiler::NodeId x) { return b_.Mul(b_.Vector("w"), b_.Round(b_.Normalised(x))); };
  Saturated({norm(b_.Linear(b_.Rows(), b_.Matrix())), b_.Add(norm(b_.Rows()), b_.Linear(b_.Rows("y"), b_.Matrix())),
             b_.Linear(b_.Round(b_.Normalised(b_.Rows("z"))), b_.Matrix("u"))});
  for (compiler::ClassId id : egraph_.ClassesWith(kernels::Op::kLinear)) {
    for (const compiler::ENode& node : egraph_.Class(id).nodes) EXPECT_EQ(node.attributes.Int("has_norm"), 0);
  }
}

TEST_P(UnprovableTest, OnlyProductsOfOneAttentionAreCachedTogether) {
  const std::pair<const char*, QkvFormula> departures[] = {
      {"keys turned by other tables", {.key_tables = true}},
      {"values of another input", {.value_input = true}},
      {"queries that are not turned", {.plain_query = true}},
      {"keys that are not turned are cached too", {.cache_plain = true}},
      {"the product of keys is read elsewhere", {.scale_key = true}}};
  for (const auto& [name, formula] : departures) {
    SCOPED_TRACE(name);
    b_ = FormulaBuilder(GetParam(), kWidth);
    egraph_ = compiler::EGraph();
    EXPECT_THAT(FusedForms(Qkv(b_, formula)), Not(Contains("qkv_rope_cache")));
  }
}

TEST_P(UnprovableTest, TheOtherSignIsNoRope) { EXPECT_THAT(FusedForms(Rope(b_, {.negate_low = true})), IsEmpty()); }

TEST_P(UnprovableTest, ExchangedHalvesAreNoRope) {
  EXPECT_THAT(FusedForms(Rope(b_, {.swap_halves = true})), IsEmpty());
}

TEST_P(UnprovableTest, UnequalPartsAreNoRope) { EXPECT_THAT(FusedForms(Rope(b_, {.low = 2})), IsEmpty()); }

TEST_P(UnprovableTest, TablesByHeadAreNoRope) { EXPECT_THAT(FusedForms(Rope(b_, {.table_of_head = true})), IsEmpty()); }

// As many rows as heads: the tables fit either way.
TEST_P(UnprovableTest, TablesByHeadAreNoRopeWhereRowsAreAsMany) {
  const compiler::NodeId x = b_.Input("x", GetParam(), {3, 3, kWidth});
  const auto table = [&](absl::string_view name) {
    return b_.Reshape(b_.Input(name, GetParam(), {3, kWidth}), {1, 3, kWidth});
  };
  const compiler::NodeId low = b_.Slice(x, -1, 0, kWidth / 2), high = b_.Slice(x, -1, kWidth / 2, kWidth);
  const compiler::NodeId rotated = b_.Concat({b_.Neg(high), low}, -1);
  EXPECT_THAT(FusedForms(b_.Add(b_.Mul(x, table("cos")), b_.Mul(rotated, table("sin")))), IsEmpty());
}

TEST_P(UnprovableTest, OtherMasksAreNotCausal) {
  const AttentionFormula masks[] = {
      {.compare = kernels::Op::kLt},
      {.compare = kernels::Op::kGe},
      {.first_key = 1},
      {.first_query = 0},
      {.first_query = runtime::Dim::Past() + 1},
      {.masked = -1e4},
      {.masked = 0},
      {.select_masked = true},
      {.window = 2, .compare_window = kernels::Op::kGe},
      {.window = 2, .compare_window = kernels::Op::kLt},
      {.window = -2},
      {.window = 2, .first_query = 0},
  };
  for (const AttentionFormula& formula : masks) {
    SCOPED_TRACE(&formula - masks);
    egraph_ = compiler::EGraph();
    EXPECT_THAT(FusedForms(Attention(b_, formula)), ElementsAre("softmax"));
  }
}

// As many groups as key heads: shapes are the same.
TEST_P(UnprovableTest, InterleavedGroupsAreOtherHeads) {
  EXPECT_THAT(FusedForms(Attention(b_, {.interleave_groups = true})), ElementsAre("softmax"));
}

// No kernel takes it.
TEST_P(UnprovableTest, ANegativeScaleIsNoAttention) {
  EXPECT_THAT(FusedForms(Attention(b_, {.scale = -0.3})), ElementsAre("softmax"));
}

// Rounding on the way is part of what the graph computes.
TEST_P(UnprovableTest, ASoftmaxInAnotherNarrowDTypeIsNoAttention) {
  EXPECT_THAT(FusedForms(Attention(b_, {.softmax_dtype = OtherNarrowDType()})), ElementsAre("softmax"));
}

// What a step writes is seen by those who read the write, and by nobody else.
TEST_P(UnprovableTest, ACacheIsNotTheSameBeforeAndAfterAWrite) {
  const compiler::NodeId state = b_.State("k", GetParam(), {2, 3});
  const compiler::NodeId rows = b_.Input("rows", GetParam(), {runtime::Dim::Seq(), 2, 3}),
                         more = b_.Input("more", GetParam(), {runtime::Dim::Seq(), 2, 3});
  const compiler::NodeId before = b_.Neg(state), after = b_.Neg(b_.CacheWrite(state, rows)),
                         other = b_.Neg(b_.CacheWrite(state, more));
  const std::vector<compiler::ClassId> classes = Saturated({before, after, other});
  EXPECT_NE(classes[0], classes[1]);
  EXPECT_NE(classes[1], classes[2]);
}

TEST_P(UnprovableTest, AMatrixThatIsNotTransposedIsNoLinear) {
  EXPECT_THAT(FusedForms(b_.Matmul(Square(), b_.Matrix(), false)), IsEmpty());
}

TEST_P(UnprovableTest, ABatchOfProductsIsNoLinear) {
  EXPECT_THAT(FusedForms(b_.Linear(b_.Input("x", GetParam(), {2, 3, kWidth}), b_.Matrix())), IsEmpty());
}

TEST_P(UnprovableTest, ATransposedBatchIsNotTheMatrix) {
  const compiler::NodeId w = b_.Input("w", GetParam(), {kWidth, kWidth, kWidth});
  EXPECT_THAT(FusedForms(b_.Matmul(Square(), b_.Transpose(w, {0, 2, 1}), false)), IsEmpty());
}

TEST_P(UnprovableTest, WhatIsAddedToColumnsOrToAllIsNeitherBiasNorResidual) {
  const compiler::NodeId product = b_.Linear(Square(), b_.Matrix());
  const compiler::NodeId column = b_.Reshape(b_.Vector("c"), {kWidth, 1}),
                         row = b_.Reshape(b_.Vector("r"), {1, kWidth});
  Saturated({b_.Add(product, column), b_.Add(product, row), b_.Add(product, 3.0)});
  EXPECT_EQ(MostOperands(kernels::Op::kLinear), 2u);
}

TEST_P(UnprovableTest, AScaleForEachColumnStaysInTheQuery) {
  Saturated({b_.Linear(b_.Mul(Square(), b_.Vector("scales")), b_.Matrix())});
  EXPECT_THAT(egraph_.ClassesWith(kernels::Op::kMul), ::testing::SizeIs(1));
}

TEST_P(UnprovableTest, ProductsOfDifferentInputsAreNotMerged) {
  EXPECT_THAT(FusedForms({b_.Linear(b_.Rows("x"), b_.Matrix("q")), b_.Linear(b_.Rows("y"), b_.Matrix("k"))}),
              ElementsAre("linear"));
}

// Such a matrix may depend on the other product.
TEST_P(UnprovableTest, ProductsWithComputedMatricesAreNotMerged) {
  const compiler::NodeId x = Square(), product = b_.Linear(x, b_.Matrix("q"));
  EXPECT_THAT(FusedForms(b_.Linear(x, product)), ElementsAre("linear"));
}

TEST_P(UnprovableTest, ProductsWithAndWithoutBiasAreNotMerged) {
  const compiler::NodeId x = b_.Rows();
  EXPECT_THAT(FusedForms({b_.Add(b_.Linear(x, b_.Matrix("q")), b_.Vector("b")), b_.Linear(b_.Neg(x), b_.Matrix("k"))}),
              Not(Contains("linear_group")));
}

TEST_P(UnprovableTest, ASigmoidOfAnotherTensorIsNoSilu) {
  const compiler::NodeId x32 = b_.Float(b_.Rows()), y32 = b_.Float(b_.Rows("y"));
  EXPECT_THAT(FusedForms(b_.Mul(b_.Round(b_.Mul(x32, b_.Sigmoid(y32))), b_.Rows("up"))), IsEmpty());
}

TEST_P(UnprovableTest, ASigmoidOfTheNegativeIsNoSilu) {
  const compiler::NodeId x32 = b_.Float(b_.Rows());
  EXPECT_THAT(FusedForms(b_.Mul(b_.Round(b_.Mul(x32, b_.Sigmoid(b_.Neg(x32)))), b_.Rows("up"))), IsEmpty());
}

TEST_P(UnprovableInNarrowDTypesTest, AnActivationThatRoundsOnTheWayIsNoSilu) {
  const compiler::NodeId x = b_.Rows();
  EXPECT_THAT(FusedForms(b_.Mul(b_.Mul(x, b_.Sigmoid(x)), b_.Rows("up"))), IsEmpty());
}

TEST_P(UnprovableTest, AGateThatBroadcastsIsNotGated) {
  EXPECT_THAT(FusedForms(b_.Mul(b_.Silu(b_.Input("gate", GetParam(), {runtime::Dim::Seq(), 1})), b_.Rows("up"))),
              IsEmpty());
}

TEST_P(UnprovableTest, OtherConstantsAreNoGelu) {
  const compiler::NodeId x32 = b_.Float(b_.Rows());
  const compiler::NodeId cubic = b_.Mul(b_.Mul(x32, b_.Mul(x32, x32)), 0.0447);
  const compiler::NodeId tanh = b_.Tanh(b_.Mul(b_.Add(x32, cubic), 0.7978845608028654));
  EXPECT_THAT(FusedForms(b_.Mul(b_.Round(b_.Mul(b_.Mul(x32, 0.5), b_.Add(tanh, 1.0))), b_.Rows("up"))), IsEmpty());
}

TEST_P(UnprovableTest, ABiasAfterTheActivationIsNotBeforeIt) {
  const compiler::ClassId sum = Saturated({b_.Add(b_.Silu(b_.Linear(b_.Rows(), b_.Matrix())), b_.Vector("bias"))})[0];
  EXPECT_THAT(egraph_.Class(sum).nodes, ::testing::SizeIs(1));
}

TEST_P(UnprovableTest, GateAndUpOfDifferentInputsAreNotOneCall) {
  const compiler::NodeId gate = b_.Linear(b_.Rows("x"), b_.Matrix("gate")),
                         up = b_.Linear(b_.Rows("y"), b_.Matrix("up"));
  EXPECT_THAT(FusedForms(b_.Mul(b_.Silu(gate), up)), Not(Contains("gated_linear")));
}

TEST_P(UnprovableTest, AnUpThatCarriesABiasIsNotInTheCall) {
  const compiler::NodeId x = b_.Rows(), gate = b_.Linear(x, b_.Matrix("gate"));
  const compiler::NodeId up = b_.Add(b_.Linear(x, b_.Matrix("up")), b_.Vector("bias"));
  EXPECT_THAT(FusedForms(b_.Mul(b_.Silu(gate), up)), Not(Contains("gated_linear")));
}

TEST_P(UnprovableTest, AScaleForEachColumnIsNotTheEmbeddings) {
  EXPECT_THAT(FusedForms(b_.Mul(b_.Gather(b_.Matrix("table"), b_.Tokens()), b_.Vector("scales"))), IsEmpty());
}

// No kernel takes it.
TEST_P(UnprovableTest, ATableOfWholeNumbersIsNoEmbedding) {
  const compiler::NodeId table = b_.Weight("table", kernels::DType::kInt32, {5, kWidth}, runtime::WeightInit::kZeros);
  EXPECT_THAT(FusedForms(b_.Mul(b_.Gather(table, b_.Tokens()), 3.0)), IsEmpty());
}

TEST_P(UnprovableTest, TheOtherHalfActivatedIsNoGatedExperts) {
  EXPECT_THAT(FusedForms(Experts(b_, {.swap_halves = true})), Not(Contains("gated_experts")));
}

TEST_P(UnprovableTest, RowsOfOtherSlotsAreNoGatedExperts) {
  EXPECT_THAT(FusedForms(Experts(b_, {.interleave_rows = true})), Not(Contains("gated_experts")));
}

TEST_P(UnprovableTest, AWeightForEachRowIsNoExpertMix) {
  EXPECT_THAT(FusedForms(Experts(b_, {.weigh_rows = true})), Not(Contains("expert_mix")));
}

TEST_P(UnprovableTest, AnotherColumnForNoneIsNoArgmax) { EXPECT_THAT(FusedForms(Argmax(b_, {.none = -3})), IsEmpty()); }

TEST_P(UnprovableTest, ColumnsCountedFromOneAreNoArgmax) {
  EXPECT_THAT(FusedForms(Argmax(b_, {.first_index = 1})), IsEmpty());
}

TEST_P(UnprovableTest, TheColumnOfASumIsNoArgmax) { EXPECT_THAT(FusedForms(Argmax(b_, {.of_sum = true})), IsEmpty()); }

TEST_P(UnprovableTest, DifferentCapsAreNoSoftcap) {
  EXPECT_THAT(FusedForms(b_.Mul(b_.Tanh(b_.Div(b_.Rows(), 0.5)), 0.75)), IsEmpty());
}

TEST_P(UnprovableTest, AFactorThatIsNotTheReciprocalIsNoSoftcap) {
  EXPECT_THAT(FusedForms(b_.Mul(b_.Tanh(b_.Mul(b_.Rows(), 0.75)), 0.75)), IsEmpty());
}

TEST_P(UnprovableTest, ACapInAnotherNarrowDTypeIsNoSoftcap) {
  const compiler::NodeId narrow = b_.Cast(b_.Rows(), OtherNarrowDType());
  const compiler::ClassId capped = Saturated({b_.Round(b_.Mul(b_.Tanh(b_.Div(narrow, 0.5)), 0.5))})[0];
  EXPECT_THAT(egraph_.Class(capped).nodes,
              Not(Contains(::testing::Field(&compiler::ENode::op, kernels::Op::kSoftcap))));
}

TEST_P(UnprovableTest, OperandsOfADifferenceDoNotExchange) {
  const compiler::NodeId x = b_.Rows(), y = b_.Rows("y");
  const std::vector<compiler::ClassId> classes = Saturated({b_.Sub(x, y), b_.Sub(y, x), b_.Add(x, y)});
  EXPECT_NE(classes[0], classes[1]);
  EXPECT_NE(classes[0], classes[2]);
}

// Each rounding counts.
TEST_P(UnprovableInNarrowDTypesTest, ScalesAreMultipliedInFloat32Only) {
  const compiler::ClassId scaled = Saturated({b_.Mul(b_.Mul(b_.Rows(), 0.3), 0.7)})[0];
  EXPECT_THAT(egraph_.Class(scaled).nodes, ::testing::SizeIs(1));
}

// x * 1 with another shape is another tensor.
TEST_P(UnprovableTest, AFactorOneThatAddsAxesStays) {
  const compiler::NodeId x = b_.Rows();
  const std::vector<compiler::ClassId> classes = Saturated({x, b_.Mul(x, b_.Constant(GetParam(), {1, 1, 1}, {1}))});
  EXPECT_NE(classes[0], classes[1]);
}

// The numbers that tensors hold: 1.001 is 1 in bfloat16, and 1.0009765625 in float16.
TEST_P(UnprovableTest, AConstantIsTheNumberThatItsDTypeHolds) {
  const compiler::NodeId x = b_.Rows();
  const std::vector<compiler::ClassId> classes = Saturated({x, b_.Mul(x, 1.001)});
  EXPECT_EQ(classes[0] == classes[1], GetParam() == kernels::DType::kBFloat16);
}

TEST_P(UnprovableTest, AFusedFormDoesNotScaleByMoreDigitsThanItsDTypeHolds) {
  const compiler::ClassId scaled = Saturated({b_.Mul(b_.Gather(b_.Matrix("table"), b_.Tokens()), 55.4256)})[0];
  const std::vector<compiler::ENode>& nodes = egraph_.Class(scaled).nodes;
  const auto embedding = std::find_if(nodes.begin(), nodes.end(),
                                      [](const compiler::ENode& n) { return n.op == kernels::Op::kEmbedding; });
  ASSERT_NE(embedding, nodes.end());
  // 1e-5: a float32 rounding of the scale.
  EXPECT_NEAR(embedding->attributes.Float("scale"), RoundTo(GetParam(), 55.4256), 1e-5);
}

// No kernel takes a gate without axes.
TEST_P(UnprovableTest, AScalarGateIsNotGated) {
  EXPECT_THAT(FusedForms(b_.Mul(b_.Silu(b_.Input("gate", GetParam(), {})), b_.Input("up", GetParam(), {}))), IsEmpty());
}

}  // namespace
}  // namespace metronome::testing
