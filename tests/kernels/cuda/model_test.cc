#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/forwarding_backend.h"
#include "tests/golden/golden_model.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"
#include "tests/kernels/cuda/fakes/fake_matmul_library.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::ThreadOrder;

using Case = std::tuple<const char*, compiler::ExecutionPath, ThreadOrder>;

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  constexpr const char* kOrders[] = {"forward", "reverse", "shuffled"};
  std::string name = std::string(std::get<0>(info.param)) + "_" + std::string(Name(std::get<1>(info.param))) + "_" +
                     kOrders[static_cast<int>(std::get<2>(info.param))];
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// Whole models on the CUDA backend, emulated: compiled plans, weights by way of staging, caches in mapped memory, and
// on the graph path recordings that are replayed at every position.
class CudaModelTest : public ::testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<GoldenModel> Load(kernels::DType dtype) {
    const auto& [name, path, order] = GetParam();
    return GoldenModel::LoadOn(CreateEmulatedBackend({.emulation = {.order = order}}), name,
                               {.dtype = dtype, .path = path});
  }
};

// 1e-4 as on the CPU: float32 sums in another order.
TEST_P(CudaModelTest, ChunkedPrefillThenGreedyDecodeMatchesHuggingFace) {
  const auto model = Load(kernels::DType::kFloat32);
  ASSERT_NE(model, nullptr);
  const GoldenExpectation expected = ReadGoldenExpectation(std::get<0>(GetParam()));
  runtime::Session session = model->NewSession({.max_length = 64, .max_step = 64});
  ASSERT_TRUE(session.Prefill(expected.prompt, runtime::PrefillMode::kChunked).ok());
  for (size_t step = 0; step < expected.greedy.size(); ++step) {
    const auto row = static_cast<int64_t>(expected.prompt.size() - 1 + step);
    for (int64_t i = 0; i < expected.vocab; ++i)
      ASSERT_NEAR(session.Logits().value()[i], expected.logits[row * expected.vocab + i], 1e-4)
          << "step " << step << " at " << i;
    ASSERT_EQ(session.most_likely(), expected.greedy[step]);
    ASSERT_TRUE(session.Step(expected.greedy[step]).ok());
  }
}

// At most half as much again as HuggingFace's own bfloat16 run is away from float32.
TEST_P(CudaModelTest, BFloat16StaysAsCloseToFloat32AsTheReferenceDoes) {
  const auto model = Load(kernels::DType::kBFloat16);
  ASSERT_NE(model, nullptr);
  const GoldenExpectation expected = ReadGoldenExpectation(std::get<0>(GetParam()));
  runtime::Session session = model->NewSession({.max_length = 64, .max_step = 64});
  double ours = 0, theirs = 0;
  std::vector<int32_t> tokens = expected.prompt;
  tokens.insert(tokens.end(), expected.greedy.begin(), expected.greedy.end() - 1);
  for (size_t row = 0; row < tokens.size(); ++row) {
    ASSERT_TRUE(session.Step(tokens[row]).ok());
    for (int64_t i = 0; i < expected.vocab; ++i) {
      const int64_t at = static_cast<int64_t>(row) * expected.vocab + i;
      ours += std::pow(session.Logits().value()[i] - expected.logits[at], 2);
      theirs += std::pow(expected.bf16_logits[at] - expected.logits[at], 2);
    }
  }
  EXPECT_LE(std::sqrt(ours), 1.5 * std::sqrt(theirs));
}

// Counts what is recorded and replayed.
class CountingBackend final : public ForwardingBackend {
 public:
  CountingBackend() : ForwardingBackend(CreateEmulatedBackend({})) {}
  absl::Status BeginRecording(int64_t past) override {
    ++recordings;
    return ForwardingBackend::BeginRecording(past);
  }
  absl::Status Replay(const kernels::Recording& recording, int64_t past) override {
    ++replays;
    return ForwardingBackend::Replay(recording, past);
  }
  absl::Status Launch(const kernels::Kernel& kernel, const kernels::KernelArgs& args) override {
    launches.emplace_back(kernel.name());
    return ForwardingBackend::Launch(kernel, args);
  }
  absl::Status LaunchTogether(absl::Span<const kernels::KernelLaunch> together) override {
    for (const kernels::KernelLaunch& launch : together) launches.emplace_back(launch.kernel->name());
    return ForwardingBackend::LaunchTogether(together);
  }
  int recordings = 0, replays = 0;
  std::vector<std::string> launches;
};

TEST(CudaGraphPathTest, ALlamaLayerIsFiveLaunches) {
  auto backend = std::make_unique<CountingBackend>();
  std::vector<std::string>& launches = backend->launches;
  const auto model = GoldenModel::LoadOn(std::move(backend), "llama-untied", {.path = compiler::ExecutionPath::kGraph});
  ASSERT_NE(model, nullptr);
  runtime::Session session = model->NewSession(64);
  ASSERT_TRUE(session.Step(1).ok());
  launches.clear();

  ASSERT_TRUE(session.Step(2).ok());

  const std::vector<std::string> layer = {"qkv_rope_cache", "attention", "linear", "gated_linear", "linear"};
  auto at = std::find(launches.begin(), launches.end(), layer[0]);
  size_t layers = 0;
  for (; at != launches.end() && *at == layer[0]; at += 5, ++layers) {
    ASSERT_GE(launches.end() - at, 5);
    EXPECT_EQ(std::vector<std::string>(at, at + 5), layer);
  }
  EXPECT_GE(layers, 2u);
  // The head of the model: the last row, the logits of its norm, the most likely token.
  EXPECT_EQ(std::vector<std::string>(at, launches.end()), (std::vector<std::string>{"slice", "linear", "argmax"}));
}

// The first decode step launches, the second records; all others replay.
TEST(CudaGraphPathTest, ASessionsStepsAreOneRecording) {
  for (const compiler::ExecutionPath path : {compiler::ExecutionPath::kGraph, compiler::ExecutionPath::kCompiled}) {
    auto backend = std::make_unique<CountingBackend>();
    const CountingBackend& counts = *backend;
    const auto model = GoldenModel::LoadOn(std::move(backend), "llama-untied", {.path = path});
    ASSERT_NE(model, nullptr);
    runtime::Session session = model->NewSession(64);
    for (int32_t token = 1; token <= 10; ++token) ASSERT_TRUE(session.Step(token).ok());
    EXPECT_EQ(counts.recordings, path == compiler::ExecutionPath::kGraph ? 1 : 0);
    EXPECT_EQ(counts.replays, path == compiler::ExecutionPath::kGraph ? 9 : 0);
    runtime::Session other = model->NewSession(64);  // Its cache lies elsewhere.
    for (int32_t token = 1; token <= 3; ++token) ASSERT_TRUE(other.Step(token).ok());
    EXPECT_EQ(counts.recordings, path == compiler::ExecutionPath::kGraph ? 2 : 0);
    for (int32_t token = 1; token <= 3; ++token) {  // Both go on in turns.
      ASSERT_TRUE(session.Step(token).ok());
      ASSERT_TRUE(other.Step(token).ok());
    }
    EXPECT_EQ(counts.recordings, path == compiler::ExecutionPath::kGraph ? 2 : 0);
    EXPECT_EQ(counts.replays, path == compiler::ExecutionPath::kGraph ? 9 + 2 + 6 : 0);
  }
}

// Greedy tokens of a model of tests/golden on the graph path, and what was refused on the way or ended it.
struct GreedyRun {
  std::vector<int32_t> tokens;
  absl::Status refusal, failure;
};
GreedyRun RunGreedily(const std::function<void(FakeDriver&)>& prepare, const std::function<void(int)>& before_step) {
  const auto model = GoldenModel::LoadOn(CreateEmulatedBackend({.prepare = prepare}), "llama-untied",
                                         {.path = compiler::ExecutionPath::kGraph});
  const GoldenExpectation expected = ReadGoldenExpectation("llama-untied");
  runtime::Session session = model->NewSession({.max_length = 64, .max_step = 64});
  GreedyRun run;
  run.failure = session.Prefill(expected.prompt, runtime::PrefillMode::kChunked);
  for (size_t i = 0; i < expected.greedy.size() && run.failure.ok(); ++i) {
    before_step(static_cast<int>(i));
    run.tokens.push_back(session.most_likely().value_or(-1));
    run.failure = session.Step(run.tokens.back());
  }
  run.refusal = model->executor().recording_refusal();
  return run;
}

// Whatever CUDA says, at whatever stage: the step is launched instead, and the executor can say why.
TEST(CudaGraphPathTest, ACaptureThatIsRefusedIsLaunchedInstead) {
  const std::vector<int32_t> greedy = ReadGoldenExpectation("llama-untied").greedy;
  for (const CaptureStage stage :
       {CaptureStage::kBegin, CaptureStage::kLaunch, CaptureStage::kEnd, CaptureStage::kReplay}) {
    for (int code = 1; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
      const absl::Status planted(static_cast<absl::StatusCode>(code), "planted refusal");
      SCOPED_TRACE(::testing::Message() << "stage " << static_cast<int>(stage) << ", " << planted);

      const GreedyRun run = RunGreedily([&](FakeDriver& driver) { driver.RefuseCaptures(stage, planted); }, [](int) {});

      EXPECT_TRUE(run.failure.ok()) << run.failure;
      EXPECT_EQ(run.tokens, greedy);
      EXPECT_EQ(run.refusal.code(), planted.code());
      EXPECT_THAT(std::string(run.refusal.message()), ::testing::HasSubstr("planted refusal"));
    }
  }
  EXPECT_TRUE(RunGreedily(nullptr, [](int) {}).refusal.ok());
}

// The first capture stumbles over what the launches in its place have loaded.
TEST(CudaGraphPathTest, ARefusalThatPassesIsForgotten) {
  FakeDriver* driver = nullptr;
  const auto prepare = [&](FakeDriver& given) {
    driver = &given;
    given.RefuseCaptures(CaptureStage::kEnd, absl::InternalError("cudaErrorStreamCaptureInvalidated"));
  };
  const GreedyRun run = RunGreedily(prepare, [&](int step) {
    if (step == 2) driver->RefuseCaptures(CaptureStage::kEnd, absl::OkStatus());
  });
  EXPECT_EQ(run.tokens, ReadGoldenExpectation("llama-untied").greedy);
  EXPECT_TRUE(run.refusal.ok()) << run.refusal;
}

TEST(CudaGraphPathTest, ADeviceThatIsLostInACaptureIsAnError) {
  FakeDriver* driver = nullptr;
  const GreedyRun run = RunGreedily([&](FakeDriver& given) { driver = &given; },
                                    [&](int step) {
                                      if (step == 1) driver->Lose("cudaErrorIllegalAddress");
                                    });
  EXPECT_EQ(run.failure.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(run.failure.message()), ::testing::HasSubstr("cudaErrorIllegalAddress"));
  EXPECT_EQ(run.tokens.size(), 2u);
}

// A prompt is launched at first, recorded when one of its length comes again, and replayed from then on, also at other
// positions, and for sessions that follow one another: from the second on, their caches lie where the one before lay.
TEST(CudaGraphPathTest, SessionsThatFollowOneAnotherShareTheirRecordings) {
  auto backend = std::make_unique<CountingBackend>();
  const CountingBackend& counts = *backend;
  const auto model = GoldenModel::LoadOn(std::move(backend), "qwen3", {.path = compiler::ExecutionPath::kGraph});
  ASSERT_NE(model, nullptr);
  std::vector<std::vector<float>> logits;
  std::vector<int> recordings, replays;
  for (int i = 0; i < 5; ++i) {
    runtime::Session session = model->NewSession(64);
    ASSERT_TRUE(session.Prefill({9, 8, 7, 6, 5}, runtime::PrefillMode::kChunked).ok());
    ASSERT_TRUE(session.Step(4).ok());
    ASSERT_TRUE(session.Prefill({1, 2, 3, 2, 1}, runtime::PrefillMode::kChunked).ok());
    const absl::Span<const float> row = session.Logits().value();
    logits.emplace_back(row.begin(), row.end());
    recordings.push_back(counts.recordings);
    replays.push_back(counts.replays);
  }
  EXPECT_THAT(recordings, ::testing::ElementsAre(1, 2, 3, 3, 3));  // The prompt, there too, and the step there.
  EXPECT_THAT(replays, ::testing::ElementsAre(1, 2, 5, 8, 11));
  for (const std::vector<float>& row : logits) EXPECT_EQ(row, logits[0]);
}

// A prompt's products by a library: no further from float32 than by our own kernels, but for noise.
TEST(CudaLibraryTest, PromptsGoThroughItsProducts) {
  std::vector<int32_t> prompt(100);
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int32_t>(1 + i * i % 120);
  for (const char* const name : {"llama-untied", "qwen2-window", "gemma3-short-window", "qwen3-moe"}) {
    SCOPED_TRACE(name);
    auto library = std::make_unique<FakeMatmulLibrary>();
    const FakeMatmulLibrary& products = *library;
    const auto exact = GoldenModel::Load(name, {}),
               ours = GoldenModel::LoadOn(CreateEmulatedBackend({}), name, {.dtype = kernels::DType::kBFloat16}),
               theirs =
                   GoldenModel::LoadOn(CreateEmulatedBackend({.library = std::move(library)}), name,
                                       {.dtype = kernels::DType::kBFloat16, .path = compiler::ExecutionPath::kGraph});
    runtime::Session exact_session = exact->NewSession({.max_length = 128, .max_step = 128}),
                     our_session = ours->NewSession({.max_length = 128, .max_step = 128}),
                     their_session = theirs->NewSession({.max_length = 128, .max_step = 128});
    for (runtime::Session* const session : {&exact_session, &our_session, &their_session})
      ASSERT_TRUE(session->Prefill(prompt, runtime::PrefillMode::kChunked).ok());
    EXPECT_GE(products.calls.size(), 4u) << "at least the products of one block";
    double our_error = 0, their_error = 0;
    const absl::Span<const float> want = exact_session.Logits().value(), got = our_session.Logits().value(),
                                  theirs_got = their_session.Logits().value();
    for (size_t i = 0; i < want.size(); ++i) {
      our_error += std::pow(got[i] - want[i], 2);
      their_error += std::pow(theirs_got[i] - want[i], 2);
    }
    EXPECT_LE(std::sqrt(their_error), 1.5 * std::sqrt(our_error));
  }
}

// 409 rows of its local layers fill a period of the fake device's memory.
TEST(CudaRingTest, WindowedCachesGoRound) {
  const auto device = GoldenModel::LoadOn(CreateEmulatedBackend({}), "gemma3-short-window", {}),
             host = GoldenModel::Load("gemma3-short-window", {});
  runtime::Session ring = device->NewSession({.max_length = 2000, .max_step = 16}), whole = host->NewSession(2000);
  std::vector<int32_t> tokens(16);
  while (ring.length() < 480) {
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = static_cast<int32_t>((ring.length() + static_cast<int64_t>(i * i)) % 131);
    ASSERT_TRUE(ring.Prefill(tokens, runtime::PrefillMode::kChunked).ok());
    ASSERT_TRUE(whole.Prefill(tokens, runtime::PrefillMode::kChunked).ok());
  }
  for (size_t i = 0; i < 131; ++i) EXPECT_NEAR(ring.Logits().value()[i], whole.Logits().value()[i], 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Families, CudaModelTest,
                         ::testing::Combine(::testing::Values("llama-untied", "qwen2-window", "qwen3",
                                                              "gemma3-short-window", "qwen3-moe", "gemma4-moe"),
                                            ::testing::Values(compiler::ExecutionPath::kCompiled,
                                                              compiler::ExecutionPath::kGraph),
                                            ::testing::Values(ThreadOrder::kForward, ThreadOrder::kShuffled)),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(Eager, CudaModelTest,
                         ::testing::Combine(::testing::Values("llama-untied", "gemma4-moe"),
                                            ::testing::Values(compiler::ExecutionPath::kEager),
                                            ::testing::Values(ThreadOrder::kForward)),
                         NameOf);

}  // namespace
}  // namespace metronome::testing
