#include "compiler/search/block_runner.h"

#include "absl/strings/str_cat.h"
#include "compiler/driver/optimise.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "compiler/lowering/lower.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/base/clock.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/engine/executor.h"
#include "tests/forwarding_backend.h"

namespace metronome::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The CPU, without memory or without one of its kernels where a test says so.
class FaultyBackend final : public ForwardingBackend {
 public:
  FaultyBackend() : ForwardingBackend(kernels::CreateCpuBackend({.threads = 2}).value()) {}

  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Allocate(int64_t bytes) override {
    if (scarce) return absl::ResourceExhaustedError("none left");
    return ForwardingBackend::Allocate(bytes);
  }
  absl::StatusOr<const kernels::Kernel*> FindKernel(absl::string_view name) const override {
    if (name == lacking) return absl::NotFoundError(absl::StrCat("no kernel '", name, "'"));
    return ForwardingBackend::FindKernel(name);
  }
  absl::Status Launch(const kernels::Kernel& kernel, const kernels::KernelArgs& args) override {
    if (kernel.name() == failing) return absl::InternalError("planted");
    if (kernel.name() == compiling) Compile();
    return ForwardingBackend::Launch(kernel, args);
  }

  int64_t CompileTimeNs() const override { return compile_ns_; }

  bool scarce = false;
  std::string lacking, failing;
  std::string compiling;  // Its next launch makes code first.

 private:
  // Longer than a first run of a block may take.
  void Compile() {
    const Clock& clock = Clock::Real();
    const int64_t start = clock.MonotonicNs();
    while (clock.MonotonicNs() - start < 200'000'000) continue;
    compile_ns_ += clock.MonotonicNs() - start;
    compiling.clear();
  }

  int64_t compile_ns_ = 0;
};

class BlockRunnerTest : public testing::TestWithParam<kernels::DType> {
 protected:
  static constexpr int kLayer = 1;  // The block of the layers.

  BlockRunnerTest()
      : graph_(BuildDecoder(ParseHfConfig(FindModel("tiny-llama")->config).value(), GetParam()).value()),
        optimised_(Optimise(graph_).value()),
        plan_(Lower(graph_).value()),
        weights_(
            runtime::WeightStore::Load(backend_, runtime::WeightSpecsOf(plan_), runtime::SyntheticWeights{1}).value()) {
  }

  std::unique_ptr<BlockRunner> NewRunner(int block, const runtime::StepShape& step) {
    return BlockRunner::Create(backend_, *weights_, optimised_.rolled, block, step, 0).value();
  }

  // The block with `change` made to each of its nodes.
  static Graph Changed(const Graph& block, const std::function<void(Node&)>& change) {
    Graph changed;
    std::vector<NodeId> ids;
    for (NodeId id = 0; id < block.size(); ++id) {
      Node node = block.node(id);
      for (NodeId& input : node.inputs) input = ids[input];
      change(node);
      ids.push_back(changed.Add(std::move(node)));
    }
    std::vector<NodeId> results;
    for (NodeId id : block.results()) results.push_back(ids[id]);
    changed.set_results(results);
    return changed;
  }

  Graph graph_;
  OptimisedGraph optimised_;
  runtime::Plan plan_;
  FaultyBackend backend_;
  std::unique_ptr<runtime::WeightStore> weights_;
};

TEST_P(BlockRunnerTest, TheFusedFormOfEveryBlockAgreesWithItsPrimitives) {
  for (const runtime::StepShape& step :
       {runtime::StepShape{1, 0}, runtime::StepShape{1, 37}, runtime::StepShape{5, 9}, runtime::StepShape{16, 0}}) {
    for (size_t block = 0; block < optimised_.blocks.size(); ++block) {
      const auto runner = NewRunner(static_cast<int>(block), step);
      const Graph& primitives = optimised_.rolled.blocks[block];
      ASSERT_TRUE(runner->SetReference(primitives).ok());
      const Measurement measured = runner->Compare(optimised_.blocks[block].graph, primitives, 3);
      EXPECT_FALSE(measured.rejection.has_value()) << measured.detail;
      EXPECT_GT(measured.candidate_ns, 0);
      EXPECT_GT(measured.incumbent_ns, 0);
    }
  }
}

TEST_P(BlockRunnerTest, AFormThatComputesSomethingElseIsRejected) {
  const auto runner = NewRunner(kLayer, {.seq = 3, .past = 8});
  const Graph& good = optimised_.blocks[kLayer].graph;
  ASSERT_TRUE(runner->SetReference(optimised_.rolled.blocks[kLayer]).ok());
  const Graph other_eps = Changed(good, [](Node& node) {
    if (node.attributes.Find("eps") != nullptr) node.attributes.Set("eps", 10.0);
  });
  const Measurement measured = runner->Compare(other_eps, good, 3);
  ASSERT_TRUE(measured.rejection.has_value());
  EXPECT_EQ(*measured.rejection, Rejection::kNumeric);
  EXPECT_THAT(measured.detail, HasSubstr("differ by"));
}

// A first token attends to itself alone, with weight 1 whatever its key: that wrong keys were written shows nowhere but
// in the cache.
TEST_P(BlockRunnerTest, RowsWrittenToTheCacheAreCompared) {
  const auto runner = NewRunner(kLayer, {.seq = 1, .past = 0});
  const Graph& good = optimised_.blocks[kLayer].graph;
  ASSERT_TRUE(runner->SetReference(optimised_.rolled.blocks[kLayer]).ok());
  const Graph exchanged = Changed(good, [](Node& node) {
    if (node.op == kernels::Op::kQkvRopeCache) std::swap(node.inputs[4], node.inputs[5]);  // The tables.
  });
  const Measurement measured = runner->Compare(exchanged, good, 3);
  ASSERT_TRUE(measured.rejection.has_value());
  EXPECT_EQ(*measured.rejection, Rejection::kNumeric);
  EXPECT_THAT(measured.detail, HasSubstr("cache rows"));
}

TEST_P(BlockRunnerTest, AFormThatIsRejectedLeavesNoTrace) {
  const auto runner = NewRunner(kLayer, {.seq = 3, .past = 8});
  const Graph &good = optimised_.blocks[kLayer].graph, &primitives = optimised_.rolled.blocks[kLayer];
  ASSERT_TRUE(runner->SetReference(primitives).ok());
  const Graph other_eps = Changed(good, [](Node& node) {
    if (node.attributes.Find("eps") != nullptr) node.attributes.Set("eps", 10.0);
  });
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(runner->Compare(other_eps, primitives, 1).rejection.has_value());
    const Measurement measured = runner->Compare(good, primitives, 1);
    EXPECT_FALSE(measured.rejection.has_value()) << measured.detail;
  }
}

TEST_P(BlockRunnerTest, AFormThatNoKernelTakesIsRejected) {
  const auto runner = NewRunner(kLayer, {.seq = 1, .past = 0});
  const Graph& good = optimised_.blocks[kLayer].graph;
  ASSERT_TRUE(runner->SetReference(good).ok());
  const Graph bad = Changed(good, [](Node& node) {
    if (node.op == kernels::Op::kAttention) node.attributes.Set("window", int64_t{-1});
  });
  const Measurement measured = runner->Compare(bad, good, 3);
  ASSERT_TRUE(measured.rejection.has_value());
  EXPECT_EQ(*measured.rejection, Rejection::kBuild);
  EXPECT_THAT(measured.detail, HasSubstr("attention"));
}

// The form of primitives needs kernels and memory that the fused one does not.
TEST_P(BlockRunnerTest, AKernelThatTheBackendLacksIsAReasonToReject) {
  const auto runner = NewRunner(kLayer, {.seq = 2, .past = 3});
  const Graph &good = optimised_.blocks[kLayer].graph, &primitives = optimised_.rolled.blocks[kLayer];
  ASSERT_TRUE(runner->SetReference(good).ok());
  backend_.lacking = "matmul";
  const Measurement measured = runner->Compare(primitives, good, 1);
  ASSERT_TRUE(measured.rejection.has_value());
  EXPECT_EQ(*measured.rejection, Rejection::kBuild);
  EXPECT_THAT(measured.detail, HasSubstr("no kernel 'matmul'"));
}

TEST_P(BlockRunnerTest, AKernelThatFailsIsAReasonToReject) {
  const auto runner = NewRunner(kLayer, {.seq = 2, .past = 3});
  const Graph &good = optimised_.blocks[kLayer].graph, &primitives = optimised_.rolled.blocks[kLayer];
  ASSERT_TRUE(runner->SetReference(good).ok());
  backend_.failing = "matmul";
  const Measurement measured = runner->Compare(primitives, good, 1);
  ASSERT_TRUE(measured.rejection.has_value());
  EXPECT_EQ(*measured.rejection, Rejection::kBuild);
  EXPECT_THAT(measured.detail, AllOf(HasSubstr("kernel matmul"), HasSubstr("planted")));
}

TEST_P(BlockRunnerTest, TimeSpentOnMakingCodeIsNotTheCandidates) {
  const auto runner = NewRunner(kLayer, {.seq = 2, .past = 3});
  const Graph &good = optimised_.blocks[kLayer].graph, &primitives = optimised_.rolled.blocks[kLayer];
  ASSERT_TRUE(runner->SetReference(primitives).ok());
  backend_.compiling = "matmul";  // Which `good` has none of.
  const Measurement measured = runner->Compare(primitives, good, 1);
  EXPECT_EQ(backend_.compiling, "");
  EXPECT_FALSE(measured.rejection.has_value()) << measured.detail;
  EXPECT_LT(measured.candidate_ns, 100e6);
}

TEST_P(BlockRunnerTest, AShortageOfMemoryIsAReasonToRejectAndPasses) {
  const auto runner = NewRunner(kLayer, {.seq = 16, .past = 40});
  const Graph &good = optimised_.blocks[kLayer].graph, &primitives = optimised_.rolled.blocks[kLayer];
  ASSERT_TRUE(runner->SetReference(good).ok());
  backend_.scarce = true;
  const Measurement scarce = runner->Compare(primitives, good, 1);
  ASSERT_TRUE(scarce.rejection.has_value());
  EXPECT_EQ(*scarce.rejection, Rejection::kResource);
  EXPECT_THAT(scarce.detail, HasSubstr("none left"));
  EXPECT_EQ(
      BlockRunner::Create(backend_, *weights_, optimised_.rolled, kLayer, {.seq = 1, .past = 0}, 0).status().code(),
      absl::StatusCode::kResourceExhausted);

  backend_.scarce = false;
  const Measurement measured = runner->Compare(primitives, good, 1);
  EXPECT_FALSE(measured.rejection.has_value()) << measured.detail;
}

INSTANTIATE_TEST_SUITE_P(DTypes, BlockRunnerTest,
                         testing::Values(kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16),
                         [](const auto& info) { return std::string(Name(info.param)); });

}  // namespace
}  // namespace metronome::compiler
