#include "compiler/driver/optimise.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "compiler/fusion/fuse_plan.h"
#include "compiler/lowering/lower.h"
#include "compiler/search/block_runner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/engine/executor.h"
#include "tests/compiler/search/recording_backend.h"

namespace metronome::compiler {
namespace {

using ::testing::Each;

// Where a form's times come from: of a device that records, from its own marks.
class RecordedTimesTest : public testing::Test {
 protected:
  static constexpr int kLayer = 1;  // The block of the layers.
  static constexpr runtime::StepShape kStep = {.seq = 1, .past = 37};

  RecordedTimesTest()
      : graph_(BuildDecoder(ParseHfConfig(FindModel("tiny-llama")->config).value(), kernels::DType::kFloat32).value()),
        optimised_(Optimise(graph_).value()),
        plan_(Lower(graph_).value()),
        weights_(
            runtime::WeightStore::Load(backend_, runtime::WeightSpecsOf(plan_), runtime::SyntheticWeights{1}).value()) {
    backend_.kernel_ns = {{"linear", 5000}, {"gated_linear", 7000}, {"attention", 300}, {"matmul", 20'000}};
  }

  std::unique_ptr<BlockRunner> NewRunner() {
    return BlockRunner::Create(backend_, *weights_, optimised_.rolled, kLayer, kStep, 0).value();
  }
  const Graph& good() const { return optimised_.blocks[kLayer].graph; }
  const Graph& primitives() const { return optimised_.rolled.blocks[kLayer]; }
  // What the device takes for one instance of a form.
  double ScriptedNs(const Graph& form) const {
    double ns = 0;
    const runtime::Plan plan = FusePlan(Lower(form).value()).value();
    for (const runtime::KernelCall& call : plan.calls) {
      const auto at = backend_.kernel_ns.find(call.kernel);
      ns += at == backend_.kernel_ns.end() ? RecordingBackend::kOtherNs : at->second;
    }
    return ns;
  }

  Graph graph_;
  OptimisedGraph optimised_;
  runtime::Plan plan_;
  RecordingBackend backend_;
  std::unique_ptr<runtime::WeightStore> weights_;
};

TEST_F(RecordedTimesTest, TimesAreThoseOfTheDevicesMarks) {
  const auto runner = NewRunner();
  EXPECT_NEAR(runner->TimeNs(good(), 3).value(), ScriptedNs(good()), 1e-3);
  EXPECT_EQ(backend_.recordings, 1);
  EXPECT_EQ(backend_.replays, 3);
  EXPECT_NEAR(runner->TimeNs(good(), 2).value(), ScriptedNs(good()), 1e-3);
  EXPECT_EQ(backend_.recordings, 1) << "one recording serves a form";
  EXPECT_THAT(backend_.pasts, Each(kStep.past));
}

TEST_F(RecordedTimesTest, CandidatesAndIncumbentsAreComparedByThem) {
  const auto runner = NewRunner();
  ASSERT_TRUE(runner->SetReference(primitives()).ok());
  // The primitives' temporaries need a larger arena: what was recorded in the old one must not run again.
  for (const auto& [candidate, incumbent] :
       {std::pair(&good(), &good()), std::pair(&primitives(), &good()), std::pair(&good(), &primitives())}) {
    const Measurement measured = runner->Compare(*candidate, *incumbent, 3);
    ASSERT_FALSE(measured.rejection.has_value()) << measured.detail;
    EXPECT_NEAR(measured.candidate_ns, ScriptedNs(*candidate), 1e-3);
    EXPECT_NEAR(measured.incumbent_ns, ScriptedNs(*incumbent), 1e-3);
  }
  EXPECT_GT(ScriptedNs(primitives()), ScriptedNs(good()));
}

TEST_F(RecordedTimesTest, ADeviceThatDoesNotRecordIsTimedByTheHost) {
  backend_.records = false;
  const auto runner = NewRunner();
  const double ns = runner->TimeNs(good(), 3).value();
  EXPECT_GT(ns, 0);
  EXPECT_NE(ns, ScriptedNs(good()));
  EXPECT_EQ(backend_.recordings, 0);
  EXPECT_EQ(backend_.replays, 0);
  EXPECT_EQ(backend_.marks_set, 0);
}

TEST_F(RecordedTimesTest, AFormThatIsNotRecordedIsTimedByTheHost) {
  backend_.refusal = absl::InternalError("cudaErrorStreamCaptureUnsupported");
  const auto runner = NewRunner();
  ASSERT_TRUE(runner->SetReference(primitives()).ok());
  const Measurement measured = runner->Compare(good(), primitives(), 3);
  EXPECT_FALSE(measured.rejection.has_value()) << measured.detail;
  EXPECT_GT(measured.candidate_ns, 0);
  EXPECT_EQ(backend_.replays, 0);
}

}  // namespace
}  // namespace metronome::compiler
