#include "compiler/driver/optimise.h"

#include <cmath>
#include <limits>
#include <vector>

#include "compiler/ir/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

// The ops of the nodes that logits depend on, leaves and reshapes left out.
std::vector<kernels::Op> Ops(const Graph& graph) {
  const std::vector<int> uses = graph.CountUses();
  std::vector<kernels::Op> ops;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const kernels::Op op = graph.node(id).op;
    if (uses[id] > 0 && op > kernels::Op::kIota && op != kernels::Op::kReshape) ops.push_back(op);
  }
  return ops;
}

const Node& Find(const Graph& graph, kernels::Op op) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (graph.node(id).op == op) return graph.node(id);
  }
  ADD_FAILURE() << "no " << Name(op) << " in\n" << graph.ToString();
  return graph.node(0);
}

struct Fused {
  Graph graph;
  std::vector<std::string> fired;  // Rules that taught something.
};

// The formulas below take x [seq, n] of the test's dtype and return the same type.
class OptimiseTest : public testing::TestWithParam<kernels::DType> {
 protected:
  static constexpr int64_t kSize = 8;

  kernels::DType dtype() const { return GetParam(); }
  NodeId Hidden(absl::string_view name = "x") {
    return b_.Gather(b_.Weight(name, dtype(), {10, kSize}, runtime::WeightInit::kEmbedding), b_.Tokens());
  }
  NodeId NormWeight() { return b_.Weight("norm", dtype(), {kSize}, runtime::WeightInit::kOnes); }
  NodeId Matrix(absl::string_view name = "w") {
    return b_.Weight(name, dtype(), {kSize, kSize}, runtime::WeightInit::kMatrix);
  }

  NodeId Normalise(NodeId x, double size = kSize) {
    const NodeId x32 = b_.Cast(x, kernels::DType::kFloat32);
    const NodeId mean = b_.Mul(b_.ReduceSum(b_.Mul(x32, x32), -1), 1 / size);
    return b_.Mul(x32, b_.Rsqrt(b_.Add(mean, 1e-6)));
  }

  NodeId Attend(runtime::Dim first_position, double window) {
    constexpr int64_t kHeads = 4, kKvHeads = 2, kWidth = 2;
    const runtime::Dim seq = runtime::Dim::Seq(), kv = runtime::Dim::Past() + runtime::Dim::Seq();
    const NodeId hidden = Hidden();
    const NodeId rows = b_.Reshape(b_.Slice(hidden, 1, 0, kKvHeads * kWidth), {seq, kKvHeads, kWidth});
    const auto cached = [&](absl::string_view name) {
      return b_.Reshape(b_.Transpose(b_.CacheWrite(b_.State(name, dtype(), {kKvHeads, kWidth}), rows), {1, 0, 2}),
                        {kKvHeads, 1, kv, kWidth});
    };
    const NodeId q =
        b_.Transpose(b_.Reshape(b_.Reshape(hidden, {seq, kHeads, kWidth}), {seq, kKvHeads, 2, kWidth}), {1, 2, 0, 3});
    const NodeId scores = b_.Cast(b_.Mul(b_.Matmul(q, cached("k"), true), 0.5), kernels::DType::kFloat32);
    const NodeId keys = b_.Iota(0, kv), queries = b_.Reshape(b_.Iota(first_position, seq), {seq, 1});
    NodeId mask = b_.Le(keys, queries);
    if (window > 0) mask = b_.And(mask, b_.Gt(keys, b_.Sub(queries, window)));
    const NodeId masked = b_.Select(mask, scores, -std::numeric_limits<double>::infinity());
    const NodeId exponentials = b_.Exp(b_.Sub(masked, b_.ReduceMax(masked, -1)));
    const NodeId weights = b_.Cast(b_.Div(exponentials, b_.ReduceSum(exponentials, -1)), dtype());
    return b_.Reshape(b_.Transpose(b_.Matmul(weights, cached("v"), false), {2, 0, 1, 3}), {seq, kHeads * kWidth});
  }

  Fused Run(NodeId x) {
    const NodeId last = b_.Slice(x, 0, runtime::Dim::Seq() - 1, runtime::Dim::Seq());
    absl::StatusOr<Graph> graph = b_.Finish(last);
    EXPECT_TRUE(graph.ok()) << graph.status();
    absl::StatusOr<OptimisedGraph> optimised = Optimise(*graph);
    EXPECT_TRUE(optimised.ok()) << optimised.status();
    if (!optimised.ok()) return {};
    Fused fused = {optimised->Whole().value(), {}};
    for (const OptimisedBlock& optimised_block : optimised->blocks) {
      const BlockReport& block = optimised_block.report;
      EXPECT_EQ(block.run.stop, StopReason::kSaturated);
      for (const RuleStatistics& rule : block.run.rules) {
        if (rule.applied > 0) fused.fired.push_back(rule.name);
      }
    }
    return fused;
  }

  Builder b_;
};

TEST_P(OptimiseTest, LlamaNormRoundsBeforeItsWeight) {
  const Fused fused = Run(b_.Mul(NormWeight(), b_.Cast(Normalise(Hidden()), dtype())));

  EXPECT_THAT(Ops(fused.graph), ElementsAre(kernels::Op::kGather, kernels::Op::kRmsNorm, kernels::Op::kSlice));
  const kernels::Attributes& attributes = Find(fused.graph, kernels::Op::kRmsNorm).attributes;
  EXPECT_EQ(attributes.Float("eps"), 1e-6);
  EXPECT_EQ(attributes.Int("round_before_weight"), 1);
  EXPECT_EQ(attributes.Float("weight_offset"), 0);
}

TEST_P(OptimiseTest, GemmaNormAddsOneToItsWeight) {
  const Fused fused =
      Run(b_.Cast(b_.Mul(Normalise(Hidden()), b_.Add(b_.Cast(NormWeight(), kernels::DType::kFloat32), 1.0)), dtype()));

  EXPECT_THAT(Ops(fused.graph), ElementsAre(kernels::Op::kGather, kernels::Op::kRmsNorm, kernels::Op::kSlice));
  const kernels::Attributes& attributes = Find(fused.graph, kernels::Op::kRmsNorm).attributes;
  EXPECT_EQ(attributes.Int("round_before_weight"), 0);
  EXPECT_EQ(attributes.Float("weight_offset"), 1);
}

TEST_P(OptimiseTest, WeightlessNorm) {
  const Fused fused = Run(b_.Cast(Normalise(Hidden()), dtype()));

  EXPECT_THAT(Ops(fused.graph), ElementsAre(kernels::Op::kGather, kernels::Op::kRmsNorm, kernels::Op::kSlice));
  EXPECT_EQ(Find(fused.graph, kernels::Op::kRmsNorm).inputs.size(), 1u);
}

// Dividing by a number that is not the size of the axis is no mean, so this must stay as it is.
TEST_P(OptimiseTest, ASumScaledByAnotherNumberIsNoNorm) {
  const Fused fused = Run(b_.Cast(Normalise(Hidden(), kSize + 1), dtype()));

  EXPECT_THAT(Ops(fused.graph), Not(Contains(kernels::Op::kRmsNorm)));
}

TEST_P(OptimiseTest, SiluGateAndGeluGate) {
  const NodeId gate = Hidden(), up = Hidden("up"), gate32 = b_.Cast(gate, kernels::DType::kFloat32);
  const NodeId silu = b_.Mul(b_.Cast(b_.Mul(gate32, b_.Sigmoid(gate32)), dtype()), up);
  const NodeId cubic = b_.Mul(b_.Mul(gate32, b_.Mul(gate32, gate32)), 0.044715);
  const NodeId tanh = b_.Tanh(b_.Mul(b_.Add(gate32, cubic), std::sqrt(2 / M_PI)));
  const NodeId gelu = b_.Mul(b_.Cast(b_.Mul(b_.Mul(gate32, 0.5), b_.Add(tanh, 1.0)), dtype()), up);

  const Fused fused = Run(b_.Sub(silu, gelu));

  EXPECT_THAT(fused.fired, Contains("gated-gelu-tanh"));
  EXPECT_THAT(fused.fired, Contains("gated-silu"));
}

TEST_P(OptimiseTest, LinearTakesBiasAndResidual) {
  const NodeId x = Hidden();
  const NodeId product = b_.Matmul(x, Matrix(), true);
  const NodeId bias = b_.Weight("b", dtype(), {kSize}, runtime::WeightInit::kBias);

  const Fused fused = Run(b_.Add(Hidden("residual"), b_.Add(product, bias)));

  EXPECT_THAT(Ops(fused.graph),
              ElementsAre(kernels::Op::kGather, kernels::Op::kGather, kernels::Op::kLinear, kernels::Op::kSlice));
  EXPECT_EQ(Find(fused.graph, kernels::Op::kLinear).inputs.size(), 4u);
}

// The product is read twice: folding it into the first addition would compute it again for the second.
TEST_P(OptimiseTest, AProductWithTwoReadersIsComputedOnce) {
  const NodeId product = b_.Matmul(Hidden(), Matrix(), true);

  const Fused fused = Run(b_.Mul(b_.Add(Hidden("residual"), product), product));

  EXPECT_THAT(fused.fired, Contains("linear"));
}

TEST_P(OptimiseTest, AProductNormalisesItsInput) {
  const NodeId norm = b_.Mul(NormWeight(), b_.Cast(Normalise(Hidden()), dtype()));

  const Fused fused = Run(b_.Matmul(norm, Matrix(), true));

  EXPECT_THAT(Ops(fused.graph), ElementsAre(kernels::Op::kGather, kernels::Op::kLinear, kernels::Op::kSlice));
  const kernels::Attributes& attributes = Find(fused.graph, kernels::Op::kLinear).attributes;
  EXPECT_EQ(attributes.Int("has_norm"), 1);
  EXPECT_EQ(attributes.Float("eps"), 1e-6);
  EXPECT_EQ(attributes.Int("round_before_weight"), 1);
}

// It is there then.
TEST_P(OptimiseTest, ANormThatIsReadElsewhereIsNotComputedAgain) {
  const NodeId norm = b_.Mul(NormWeight(), b_.Cast(Normalise(Hidden()), dtype()));

  const Fused fused = Run(b_.Sub(b_.Matmul(norm, Matrix(), true), b_.Exp(norm)));

  EXPECT_THAT(fused.fired, Contains("norm-prologue"));
  EXPECT_THAT(Ops(fused.graph), Contains(kernels::Op::kRmsNorm));
  EXPECT_EQ(Find(fused.graph, kernels::Op::kLinear).attributes.Int("has_norm"), 0);
}

TEST_P(OptimiseTest, RotaryEmbedding) {
  const NodeId x = b_.Reshape(Hidden(), {runtime::Dim::Seq(), 2, 4});
  const auto table = [&](double value) {
    return b_.Reshape(b_.Broadcast(b_.Scalar(dtype(), value), {runtime::Dim::Seq(), 4}), {runtime::Dim::Seq(), 1, 4});
  };
  const NodeId rotated = b_.Concat({b_.Neg(b_.Slice(x, -1, 2, 4)), b_.Slice(x, -1, 0, 2)}, -1);

  const Fused fused =
      Run(b_.Reshape(b_.Add(b_.Mul(x, table(0.6)), b_.Mul(rotated, table(0.8))), {runtime::Dim::Seq(), kSize}));

  EXPECT_THAT(fused.fired, Contains("rope"));
}

// Halves in the other order rotate the other way.
TEST_P(OptimiseTest, SwappedHalvesAreNoRotaryEmbedding) {
  const NodeId x = b_.Reshape(Hidden(), {runtime::Dim::Seq(), 2, 4});
  const NodeId table =
      b_.Reshape(b_.Broadcast(b_.Scalar(dtype(), 0.6), {runtime::Dim::Seq(), 4}), {runtime::Dim::Seq(), 1, 4});
  const NodeId rotated = b_.Concat({b_.Neg(b_.Slice(x, -1, 0, 2)), b_.Slice(x, -1, 2, 4)}, -1);

  const Fused fused = Run(b_.Reshape(b_.Add(b_.Mul(x, table), b_.Mul(rotated, table)), {runtime::Dim::Seq(), kSize}));

  EXPECT_THAT(Ops(fused.graph), Not(Contains(kernels::Op::kRope)));
}

TEST_P(OptimiseTest, CausalAttentionOverTheCache) {
  const Fused fused = Run(Attend(runtime::Dim::Past(), 0));

  EXPECT_THAT(fused.fired, Contains("attention-causal"));
  const kernels::Attributes& attributes = Find(fused.graph, kernels::Op::kAttention).attributes;
  EXPECT_EQ(attributes.Float("scale"), 0.5);
  EXPECT_EQ(attributes.Int("window"), 0);
}

TEST_P(OptimiseTest, SlidingWindowAttention) {
  const Fused fused = Run(Attend(runtime::Dim::Past(), 3));

  EXPECT_THAT(fused.fired, Contains("attention-sliding-window"));
  EXPECT_EQ(Find(fused.graph, kernels::Op::kAttention).attributes.Int("window"), 3);
}

// Queries counted from 0 whatever the past would see too little: another mask, so only the softmax is recognised.
TEST_P(OptimiseTest, AMaskOverOtherPositionsIsNoAttention) {
  const Fused fused = Run(Attend(0, 0));

  EXPECT_THAT(fused.fired, Contains("softmax"));
  EXPECT_THAT(Ops(fused.graph), Not(Contains(kernels::Op::kAttention)));
}

INSTANTIATE_TEST_SUITE_P(DTypes, OptimiseTest,
                         testing::Values(kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16),
                         [](const auto& info) { return std::string(Name(info.param)); });

}  // namespace
}  // namespace metronome::compiler
