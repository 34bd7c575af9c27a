#include "runtime/engine/bound_plan.h"

#include <cstdlib>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/forwarding_backend.h"
#include "tests/golden/golden_model.h"

namespace metronome::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What each mode gives over prompts and steps of two sessions in turns, across the positions where the arena grows.
std::vector<std::vector<float>> LogitsOfTwoSessions(compiler::ExecutionPath path) {
  const auto model = GoldenModel::Load("llama-untied", {.path = path, .backend = {.threads = 3}});
  Session a = model->NewSession(64), b = model->NewSession(64);
  std::vector<std::vector<float>> logits;
  const auto keep = [&](const Session& session) {
    logits.emplace_back(session.Logits().value().begin(), session.Logits().value().end());
  };
  EXPECT_TRUE(a.Prefill({1, 2, 3, 4, 5}, PrefillMode::kChunked).ok());
  keep(a);
  EXPECT_TRUE(b.Prefill({9, 8}, PrefillMode::kChunked).ok());
  keep(b);
  for (int32_t step = 0; step < 30; ++step) {
    Session& session = step % 7 == 3 ? b : a;
    EXPECT_TRUE(session.Step(step).ok());
    keep(session);
  }
  return logits;
}

TEST(BoundPlanTest, TheGraphPathGivesTheSameBits) {
  EXPECT_EQ(LogitsOfTwoSessions(compiler::ExecutionPath::kGraph),
            LogitsOfTwoSessions(compiler::ExecutionPath::kCompiled));
}

// Takes note of what is launched together; kernels run on the CPU.
class RecordingBackend final : public ForwardingBackend {
 public:
  RecordingBackend() : ForwardingBackend(kernels::CreateCpuBackend({.threads = 2}).value()) {}

  absl::Status Launch(const kernels::Kernel& kernel, const kernels::KernelArgs& args) override {
    launches.push_back({std::string(kernel.name())});
    if (kernel.name() == failing) return absl::InternalError("planted");
    return ForwardingBackend::Launch(kernel, args);
  }
  absl::Status LaunchTogether(absl::Span<const kernels::KernelLaunch> together) override {
    launches.emplace_back();
    for (const kernels::KernelLaunch& launch : together) {
      launches.back().emplace_back(launch.kernel->name());
      if (launch.kernel->name() == failing) return absl::InternalError("planted");
    }
    return ForwardingBackend::LaunchTogether(together);
  }

  std::vector<std::vector<std::string>> launches;
  std::string failing;
};

class WavesTest : public testing::Test {
 protected:
  // x -> exp -> a; x -> neg -> b; a + b -> c; c -> tanh -> d. The first two do not depend on each other.
  WavesTest() {
    const std::vector<Dim> shape = {Dim::Seq(), 4};
    plan_.values.push_back({.storage = Storage::kInput, .shape = shape, .name = "x"});
    for (int i = 0; i < 4; ++i) plan_.values.push_back({.shape = shape});
    plan_.calls = {{.kernel = "exp", .inputs = {0}, .outputs = {1}},
                   {.kernel = "neg", .inputs = {0}, .outputs = {2}},
                   {.kernel = "add", .inputs = {1, 2}, .outputs = {3}},
                   {.kernel = "tanh", .inputs = {3}, .outputs = {4}}};
    plan_.results = {4};
    EXPECT_TRUE(ValidatePlan(plan_).ok());
    weights_ = WeightStore::Load(backend_, {}, SyntheticWeights{0}).value();
  }

  absl::Status Run(LaunchMode mode, const std::function<bool()>& keep_going = nullptr) {
    const auto bound = BoundPlan::Create(backend_, plan_, *weights_, mode).value();
    const StepShape step = {.seq = 3, .past = 0};
    input_.assign(12, 0.5f);
    const kernels::TensorView input = {.data = input_.data(), .dtype = kernels::DType::kFloat32, .shape = {3, 4}};
    const auto arena = backend_.Allocate(bound->ArenaBytes(step)).value();
    bound->Place(step, {.inputs = {&input, 1}, .arena = arena->data()});
    absl::Status status = bound->Run(keep_going);
    if (status.ok()) {
      EXPECT_FLOAT_EQ(bound->result(0).as<float>()[11], std::tanh(std::exp(0.5f) - 0.5f));
      const auto times = bound->Profile();
      EXPECT_TRUE(times.ok());
      std::multiset<size_t> calls;
      for (const BoundPlan::CallTime& time : *times) {
        calls.insert(time.call);
        EXPECT_GT(time.cost.bytes, 0);
      }
      EXPECT_EQ(calls, (std::multiset<size_t>{0, 1, 2, 3}));
    }
    return status;
  }

  RecordingBackend backend_;
  Plan plan_;
  std::unique_ptr<WeightStore> weights_;
  std::vector<float> input_;
};

TEST_F(WavesTest, SmallIndependentCallsAreLaunchedTogether) {
  ASSERT_TRUE(Run(LaunchMode::kGraph).ok());
  backend_.launches.resize(3);  // What follows is the profile.
  EXPECT_THAT(backend_.launches, ElementsAre(ElementsAre("exp", "neg"), ElementsAre("add"), ElementsAre("tanh")));
}

TEST_F(WavesTest, InOrderEachIsLaunchedAlone) {
  ASSERT_TRUE(Run(LaunchMode::kInOrder).ok());
  backend_.launches.resize(4);
  EXPECT_THAT(backend_.launches,
              ElementsAre(ElementsAre("exp"), ElementsAre("neg"), ElementsAre("add"), ElementsAre("tanh")));
}

// A later reader of a value must come before its next writer, and writers keep their order.
TEST_F(WavesTest, CallsOnTheSameStateKeepTheirOrder) {
  plan_.values.push_back({.storage = Storage::kState, .shape = {Dim::Past() + Dim::Seq(), 4}, .name = "s"});  // 5
  plan_.values.push_back({.storage = Storage::kAlias, .shape = {Dim::Past() + Dim::Seq(), 4}, .alias_of = 5});
  plan_.values.push_back({.storage = Storage::kAlias, .shape = {Dim::Past() + Dim::Seq(), 4}, .alias_of = 5});
  plan_.values.push_back({.shape = {Dim::Past() + Dim::Seq(), 4}});
  plan_.calls = {{.kernel = "cache_write", .inputs = {5, 0}, .outputs = {6}},
                 {.kernel = "exp", .inputs = {6}, .outputs = {8}},
                 {.kernel = "cache_write", .inputs = {5, 0}, .outputs = {7}}};
  plan_.results = {8};
  ASSERT_TRUE(ValidatePlan(plan_).ok()) << ValidatePlan(plan_);
  const auto bound = BoundPlan::Create(backend_, plan_, *weights_, LaunchMode::kGraph).value();
  std::vector<float> state(5 * 4), rows(12, 1);
  const kernels::TensorView view = {.data = state.data(), .dtype = kernels::DType::kFloat32, .shape = {5, 4}},
                            input = {.data = rows.data(), .dtype = kernels::DType::kFloat32, .shape = {3, 4}};
  const StepShape step = {.seq = 3, .past = 2};
  const auto arena = backend_.Allocate(bound->ArenaBytes(step)).value();
  bound->Place(step, {.states = {&view, 1}, .inputs = {&input, 1}, .arena = arena->data()});
  ASSERT_TRUE(bound->Run().ok());
  EXPECT_THAT(backend_.launches,
              ElementsAre(ElementsAre("cache_write"), ElementsAre("exp"), ElementsAre("cache_write")));
}

TEST_F(WavesTest, AFailingKernelIsNamed) {
  backend_.failing = "add";
  for (const LaunchMode mode : {LaunchMode::kInOrder, LaunchMode::kGraph}) {
    const absl::Status status = Run(mode);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(status.message(), HasSubstr("kernel add (call 2 of 4, seq 3, past 0): planted"));
  }
}

TEST_F(WavesTest, DebuggingLaunchesOneAtATimeInTheOrderOfThePlan) {
  setenv("METRONOME_DEBUG_SEQUENTIAL", "1", 1);
  backend_.failing = "neg";
  const absl::Status status = Run(LaunchMode::kGraph);
  unsetenv("METRONOME_DEBUG_SEQUENTIAL");
  EXPECT_THAT(status.message(), HasSubstr("kernel neg (call 1 of 4"));
  EXPECT_THAT(status.message(), Not(HasSubstr(" or ")));
  EXPECT_THAT(backend_.launches, ElementsAre(ElementsAre("exp"), ElementsAre("neg")));
}

TEST_F(WavesTest, StopsBetweenKernels) {
  int asked = 0;
  const absl::Status status = Run(LaunchMode::kInOrder, [&] { return ++asked < 3; });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(backend_.launches.size(), 2u);
}

}  // namespace
}  // namespace metronome::runtime
