#include "compiler/rolling/roll.h"

#include "compiler/ir/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using ::testing::ElementsAre;

constexpr kernels::DType kF32 = kernels::DType::kFloat32;
constexpr int64_t kSize = 4;

// A residual stack: each layer adds tanh(x * w^T) + sigmoid(x) (or, for a wide layer, its exponential) to its input.
Graph Stack(const std::string& kinds) {
  Builder b;
  NodeId x = b.Gather(b.Weight("table", kF32, {9, kSize}, runtime::WeightInit::kEmbedding), b.Tokens());
  const NodeId position =
      b.Reshape(b.Cast(b.Iota(runtime::Dim::Past(), runtime::Dim::Seq()), kF32), {runtime::Dim::Seq(), 1});
  for (size_t i = 0; i < kinds.size(); ++i) {
    const NodeId w = b.Weight("layer" + std::to_string(i), kF32, {kSize, kSize}, runtime::WeightInit::kMatrix);
    const NodeId product = b.Mul(b.Matmul(x, w, true), position);
    x = b.Add(x, b.Add(kinds[i] == 'a' ? b.Tanh(product) : b.Exp(product), b.Sigmoid(x)));
  }
  const NodeId last = b.Slice(x, 0, runtime::Dim::Seq() - 1, runtime::Dim::Seq());
  absl::StatusOr<Graph> graph =
      b.Finish(b.Matmul(last, b.Weight("head", kF32, {7, kSize}, runtime::WeightInit::kMatrix), true));
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}

std::vector<int> Blocks(const RolledGraph& rolled) {
  std::vector<int> blocks;
  for (const BlockInstance& instance : rolled.instances) blocks.push_back(instance.block);
  return blocks;
}

TEST(RollTest, RepeatedLayersAreOneBlock) {
  const RolledGraph rolled = Roll(Stack("aaaa")).value();

  EXPECT_THAT(Blocks(rolled), ElementsAre(0, 1, 1, 1, 1, 2));
  EXPECT_EQ(rolled.instances[3].weights, std::vector<std::string>{"layer2"});
  EXPECT_EQ(rolled.blocks[1].results().size(), 1u);
}

TEST(RollTest, TheNumberOfBlocksDoesNotGrowWithDepth) {
  EXPECT_EQ(Roll(Stack(std::string(64, 'a')))->blocks.size(), Roll(Stack("aa"))->blocks.size());
}

// A period of six with two layers left over: each kind of layer is one block, wherever it stands.
TEST(RollTest, AlternatingLayersShareABlockPerKind) {
  const RolledGraph rolled = Roll(Stack("aaaaabaaaaabaa")).value();

  EXPECT_THAT(Blocks(rolled), ElementsAre(0, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 3));
}

TEST(RollTest, AGraphWithoutRepetitionIsOneBlock) { EXPECT_THAT(Blocks(Roll(Stack("a")).value()), ElementsAre(0)); }

class UnrollTest : public testing::TestWithParam<const char*> {};

TEST_P(UnrollTest, GivesTheGraphBack) {
  const Graph graph = Stack(GetParam());
  const RolledGraph rolled = Roll(graph).value();

  const Graph again = Unroll(rolled, rolled.blocks).value();

  EXPECT_TRUE(VerifyGraph(again).ok()) << VerifyGraph(again);
  EXPECT_EQ(again.CountUses().size(), graph.CountUses().size());
  const RolledGraph twice = Roll(again).value();
  EXPECT_EQ(Blocks(twice), Blocks(rolled));
  for (size_t i = 0; i < rolled.blocks.size(); ++i) EXPECT_EQ(twice.blocks[i].ToString(), rolled.blocks[i].ToString());
  for (size_t i = 0; i < rolled.instances.size(); ++i)
    EXPECT_EQ(twice.instances[i].weights, rolled.instances[i].weights);
}

// Results that depend on nothing, or are leaves, belong to some block too.
TEST(UnrollBlocksTest, ResultsMayBeConstantsAndLeaves) {
  Builder b;
  const NodeId constant = b.Constant(kF32, {2}, {1, 2});
  const NodeId sum = b.Add(constant, constant);
  const absl::StatusOr<Graph> graph = b.Finish(std::vector<NodeId>{sum, b.Mul(sum, constant), constant});
  ASSERT_TRUE(graph.ok()) << graph.status();

  const RolledGraph rolled = Roll(*graph).value();

  EXPECT_EQ(Unroll(rolled, rolled.blocks)->ToString(), graph->ToString());
}

INSTANTIATE_TEST_SUITE_P(Stacks, UnrollTest, testing::Values("a", "aa", "ab", "aabaab", "aaaaabaaaaabaa"));

}  // namespace
}  // namespace metronome::compiler
