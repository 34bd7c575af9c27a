#include "compiler/lowering/lower.h"

#include "compiler/driver/compile.h"
#include "compiler/ir/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using ::testing::HasSubstr;

constexpr kernels::DType kF32 = kernels::DType::kFloat32;

Graph Finish(Builder& b, NodeId logits) {
  absl::StatusOr<Graph> graph = b.Finish(logits);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}

// Looks tokens up, keeps the rows in a cache, and returns the last one.
Graph CachingGraph() {
  Builder b;
  const NodeId rows = b.Gather(b.Weight("table", kF32, {9, 4}, runtime::WeightInit::kEmbedding), b.Tokens());
  const NodeId all = b.CacheWrite(b.State("k", kF32, {2, 2}), b.Reshape(rows, {runtime::Dim::Seq(), 2, 2}));
  const runtime::Dim end = runtime::Dim::Past() + runtime::Dim::Seq();
  return Finish(b, b.Reshape(b.Slice(all, 0, end - 1, end), {1, 4}));
}

TEST(LowerTest, CacheWritesAndReshapesAreAliases) {
  const absl::StatusOr<runtime::Plan> plan = Lower(CachingGraph());
  ASSERT_TRUE(plan.ok()) << plan.status();

  ASSERT_EQ(plan->calls.size(), 3u);
  EXPECT_EQ(plan->calls[1].kernel, "cache_write");
  const runtime::PlanValue& written = plan->values[plan->calls[1].outputs[0]];
  EXPECT_EQ(written.storage, runtime::Storage::kAlias);
  EXPECT_EQ(plan->values[written.alias_of].storage, runtime::Storage::kState);
  EXPECT_EQ(plan->values[plan->results[0]].storage, runtime::Storage::kAlias);
}

// q, and both caches where their states are.
TEST(LowerTest, CachesThatACallWritesAreAliases) {
  constexpr int64_t kInner = 6, kHeads = 2, kSize = 4;
  Graph graph;
  const auto leaf = [&](kernels::Op op, const char* name, std::vector<runtime::Dim> shape) {
    return graph.Add({op, {}, {{"name", std::string(name)}}, {kF32, std::move(shape)}});
  };
  const runtime::Dim seq = runtime::Dim::Seq(), positions = runtime::Dim::Past() + runtime::Dim::Seq();
  std::vector<NodeId> inputs = {leaf(kernels::Op::kInput, "x", {seq, kInner})};
  for (const char* const name : {"q", "k", "v"})
    inputs.push_back(leaf(kernels::Op::kWeight, name, {kHeads * kSize, kInner}));
  for (const char* const name : {"cos", "sin"}) inputs.push_back(leaf(kernels::Op::kInput, name, {seq, kSize}));
  for (const char* const name : {"keys", "values"})
    inputs.push_back(leaf(kernels::Op::kState, name, {positions, kHeads, kSize}));
  std::vector<NodeId> outputs;
  for (int64_t i = 0; i < 3; ++i)
    outputs.push_back(graph.Add(
        {kernels::Op::kQkvRopeCache, inputs, {{"output", i}}, {kF32, {i == 0 ? seq : positions, kHeads, kSize}}}));
  graph.set_results({outputs[2], outputs[0], outputs[1]});
  ASSERT_TRUE(VerifyGraph(graph).ok()) << VerifyGraph(graph);

  const absl::StatusOr<runtime::Plan> plan = Lower(graph);

  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->calls.size(), 1u);
  const auto value = [&](size_t result) { return plan->values[plan->results[result]]; };
  EXPECT_EQ(value(1).storage, runtime::Storage::kTemporary);
  for (const auto& [result, state] : {std::pair<size_t, const char*>{0, "values"}, {2, "keys"}}) {
    EXPECT_EQ(value(result).storage, runtime::Storage::kAlias);
    EXPECT_EQ(plan->values[value(result).alias_of].name, state);
  }
}

TEST(LowerTest, OffsetsThatMoveWithTheStepAreEvaluatedThere) {
  const absl::StatusOr<runtime::Plan> plan = Lower(CachingGraph());
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->calls[2].step_attributes.size(), 1u);
  EXPECT_EQ(plan->calls[2].step_attributes[0].first, "start");
  EXPECT_EQ(plan->calls[2].step_attributes[0].second.Evaluate({.seq = 3, .past = 4}), 6);
}

TEST(LowerTest, DeadNodesLeaveNoCalls) {
  Builder b;
  const NodeId x = b.Constant(kF32, {1, 2}, {1, 2});
  b.Exp(x);
  const absl::StatusOr<runtime::Plan> plan = Lower(Finish(b, b.Neg(x)));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->calls.size(), 1u);
}

TEST(CompileTest, OnlyPrimitivesAreAccepted) {
  Graph graph;
  const NodeId x = graph.Add({kernels::Op::kConstant, {}, {{"values", std::vector<double>{1, 2}}}, {kF32, {1, 2}}});
  graph.set_results({graph.Add({kernels::Op::kSoftmax, {x}, {}, {kF32, {1, 2}}})});

  const absl::StatusOr<CompileResult> result = Compile(graph, ExecutionPath::kCompiled);

  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(result.status().message(), HasSubstr("softmax, not a primitive"));
}

TEST(CompileTest, EagerKeepsPrimitivesAndCompiledFusesThem) {
  Builder b;
  const NodeId x = b.Constant(kF32, {1, 3}, {1, 2, 3});
  const NodeId exponentials = b.Exp(b.Sub(x, b.ReduceMax(x, -1)));
  const Graph graph = Finish(b, b.Div(exponentials, b.ReduceSum(exponentials, -1)));

  const absl::StatusOr<CompileResult> eager = Compile(graph, ExecutionPath::kEager),
                                      compiled = Compile(graph, ExecutionPath::kCompiled);

  ASSERT_TRUE(eager.ok() && compiled.ok());
  EXPECT_EQ(eager->plans[0].plan.calls.size(), 5u);
  EXPECT_EQ(compiled->plans[0].plan.calls.size(), 1u);
  EXPECT_EQ(compiled->plans[0].plan.calls[0].kernel, "softmax");
  EXPECT_EQ(compiled->report.rules_fired.at("softmax"), 1);
  EXPECT_NE(eager->plans[0].plan.Hash(), compiled->plans[0].plan.Hash());
}

TEST(CompileTest, PathsParseAsTheyPrint) {
  for (ExecutionPath path : {ExecutionPath::kEager, ExecutionPath::kCompiled})
    EXPECT_EQ(ParseExecutionPath(Name(path)), path);
  EXPECT_EQ(ParseExecutionPath("fast"), std::nullopt);
}

}  // namespace
}  // namespace metronome::compiler
