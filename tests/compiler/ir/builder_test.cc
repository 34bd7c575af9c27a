#include "compiler/ir/builder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using ::testing::HasSubstr;

constexpr kernels::DType kF32 = kernels::DType::kFloat32;

TEST(BuilderTest, EqualNodesAreCreatedOnce) {
  Builder b;
  const NodeId x = b.Cast(b.Tokens(), kF32);

  EXPECT_EQ(b.Mul(x, 2.0), b.Mul(x, 2.0));
  EXPECT_NE(b.Mul(x, 2.0), b.Mul(x, 3.0));
  EXPECT_NE(b.Scalar(kF32, 2.0), b.Scalar(kernels::DType::kBFloat16, 2.0));
  EXPECT_NE(b.Iota(0, runtime::Dim::Seq()), b.Iota(runtime::Dim::Past(), runtime::Dim::Seq()));
}

TEST(BuilderTest, CastAndReshapeToTheSameTypeAreNoNodes) {
  Builder b;
  const NodeId w = b.Weight("w", kF32, {4, 6}, runtime::WeightInit::kMatrix);

  EXPECT_EQ(b.Cast(w, kF32), w);
  EXPECT_EQ(b.Reshape(w, {4, 6}), w);
}

TEST(BuilderTest, ElementwiseOpsBroadcastFromTheRight) {
  Builder b;
  const NodeId positions = b.Cast(b.Iota(runtime::Dim::Past(), runtime::Dim::Seq()), kF32);
  const NodeId column = b.Reshape(positions, {runtime::Dim::Seq(), 1});
  const NodeId row = b.Constant(kF32, {3}, {1, 2, 3});

  EXPECT_EQ(b.type(b.Mul(column, row)).ToString(), "float32[seq, 3]");
  EXPECT_EQ(b.type(b.Le(column, row)).ToString(), "bool[seq, 3]");
}

TEST(BuilderTest, ReshapeMovesFactorsBetweenAxesSymbolsIncluded) {
  Builder b;
  const NodeId x = b.Broadcast(b.Scalar(kF32, 1), {runtime::Dim::Seq(), 12});

  EXPECT_EQ(b.type(b.Reshape(x, {runtime::Dim::Seq(), 3, 4})).ToString(), "float32[seq, 3, 4]");
  EXPECT_EQ(b.type(b.Reshape(x, {runtime::Dim::Seq() * 2, 6})).ToString(), "float32[2*seq, 6]");
}

TEST(BuilderTest, CacheWriteGivesAllPositionsSoFar) {
  Builder b;
  const NodeId rows = b.Broadcast(b.Scalar(kF32, 1), {runtime::Dim::Seq(), 2, 8});

  EXPECT_EQ(b.type(b.CacheWrite(b.State("k", kF32, {2, 8}), rows)).ToString(), "float32[past+seq, 2, 8]");
}

struct BadCase {
  const char* name;
  NodeId (*build)(Builder& b, NodeId x);  // x is float32 [seq, 6].
  const char* message;
};

class BuilderErrorTest : public testing::TestWithParam<BadCase> {};

TEST_P(BuilderErrorTest, FirstErrorSticksAndIsReportedByFinish) {
  Builder b;
  const NodeId x = b.Broadcast(b.Scalar(kF32, 1), {runtime::Dim::Seq(), 6});

  const NodeId bad = GetParam().build(b, x);
  const NodeId after = b.Neg(bad);

  EXPECT_EQ(bad, -1);
  EXPECT_EQ(after, -1);
  const absl::StatusOr<Graph> graph = b.Finish(after);
  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(graph.status().message(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, BuilderErrorTest,
    testing::Values(
        BadCase{"Broadcast",
                [](Builder& b, NodeId x) {
                  return b.Add(x, b.Constant(kernels::DType::kFloat32, {5}, {1, 2, 3, 4, 5}));
                },
                "do not broadcast"},
        BadCase{"DTypes", [](Builder& b, NodeId x) { return b.Add(x, b.Cast(x, kernels::DType::kFloat16)); },
                "dtypes differ"},
        BadCase{"Inner", [](Builder& b, NodeId x) { return b.Matmul(x, x, false); }, "inner sizes differ"},
        BadCase{"Elements",
                [](Builder& b, NodeId x) {
                  return b.Reshape(x, {runtime::Dim::Seq(), 7});
                },
                "element counts differ"},
        BadCase{"Symbols",
                [](Builder& b, NodeId x) {
                  return b.Reshape(x, {runtime::Dim::Past(), 6});
                },
                "element counts differ"},
        BadCase{"Permutation",
                [](Builder& b, NodeId x) {
                  return b.Transpose(x, {0, 0});
                },
                "not a permutation"},
        BadCase{"Axis", [](Builder& b, NodeId x) { return b.ReduceSum(x, 2); }, "no axis 2"},
        BadCase{"Float", [](Builder& b, NodeId) { return b.Exp(b.Tokens()); }, "not a float"},
        BadCase{"Values", [](Builder& b, NodeId) { return b.Constant(kernels::DType::kFloat32, {2}, {1}); },
                "given 1 values"},
        BadCase{"Rows",
                [](Builder& b, NodeId x) { return b.CacheWrite(b.State("k", kernels::DType::kFloat32, {5}), x); },
                "do not fit the state"},
        BadCase{"Condition", [](Builder& b, NodeId x) { return b.Select(x, x, x); }, "not bool"}),
    [](const auto& info) { return info.param.name; });

TEST(BuilderTest, FinishRejectsLogitsOfTheWrongShape) {
  Builder b;
  const NodeId x = b.Broadcast(b.Scalar(kF32, 1), {runtime::Dim::Seq(), 6});

  const absl::StatusOr<Graph> graph = b.Finish(x);

  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(graph.status().message(), HasSubstr("not a float [1, vocab]"));
}

TEST(GraphTest, VerifyNamesANodeWhoseTypeIsNotWhatItsInputsGive) {
  Graph graph;
  const NodeId x = graph.Add({kernels::Op::kConstant, {}, {{"values", std::vector<double>{1}}}, {kF32, {1, 1}}});
  graph.set_results({graph.Add({kernels::Op::kNeg, {x}, {}, {kF32, {1, 2}}})});

  const absl::Status status = VerifyGraph(graph);

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("%1 = neg(%0) : float32[1, 2]: should be float32[1, 1]"));
}

TEST(GraphTest, DeadNodesHaveNoUsesAndAreNotPrinted) {
  Builder b;
  const NodeId x = b.Constant(kF32, {1, 2}, {1, 2});
  b.Exp(x);
  const absl::StatusOr<Graph> graph = b.Finish(b.Add(x, x));

  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(graph->CountUses(), testing::ElementsAre(2, 0, 1));
  EXPECT_EQ(graph->ToString(),
            "%0 = constant values=[1,2] : float32[1, 2]\n%2 = add(%0, %0) : float32[1, 2]\nresults %2\n");
}

TEST(DimTest, EvaluatesAndPrintsAffineForms) {
  const runtime::Dim dim = runtime::Dim::Past() + runtime::Dim::Seq() * 2 - 1;

  EXPECT_EQ(dim.Evaluate({.seq = 3, .past = 10}), 15);
  EXPECT_EQ(dim.ToString(), "past+2*seq-1");
  EXPECT_EQ((runtime::Dim(0) - runtime::Dim::Seq()).ToString(), "-seq");
  EXPECT_EQ(runtime::Dim(0).ToString(), "0");
}

}  // namespace
}  // namespace metronome::compiler
