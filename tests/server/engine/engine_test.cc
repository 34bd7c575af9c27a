#include "server/engine/engine.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/benchmark/benchmark.h"
#include "server/benchmark/spec.h"
#include "tests/drawing_backend.h"
#include "tests/forwarding_backend.h"
#include "tests/server/fake_clock.h"
#include "tests/server/scarce_backend.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kPlenty = int64_t{4} << 30;
const std::vector<int32_t> kPrompt = {3, 141, 59, 26, 5};

// The engine is driven from the test's thread; its queue stays idle.
class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    auto real = kernels::CreateCpuBackend({.threads = 1});
    EXPECT_TRUE(real.ok()) << real.status();
    auto backend = std::make_unique<ScarceBackend>(*std::move(real), kPlenty);
    backend_ = backend.get();
    engine_ = std::make_unique<Engine>(std::move(backend), EngineOptions{.session_idle_limit = absl::Minutes(10)},
                                       clock_, metrics_);
  }

  LoadedModel* Load(const ModelRequest& request) {
    absl::StatusOr<LoadedModel*> model = engine_->Load(request, [](absl::string_view, double) {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *model : nullptr;
  }
  std::unique_ptr<Generation> Start(LoadedModel& model, int64_t max_cache_len = 0) {
    auto generation = engine_->NewGeneration(model, {}, max_cache_len);
    EXPECT_TRUE(generation.ok()) << generation.status();
    EXPECT_TRUE((*generation)->Start(kPrompt, runtime::PrefillMode::kChunked, nullptr, nullptr).ok());
    return *std::move(generation);
  }
  static std::vector<int32_t> NextIds(Generation& generation, int count) {
    std::vector<int32_t> ids;
    for (int i = 0; i < count; ++i) {
      const auto token = generation.Next();
      EXPECT_TRUE(token.ok()) << token.status();
      ids.push_back(token->id);
    }
    return ids;
  }

  FakeClock clock_;
  Metrics metrics_;
  ScarceBackend* backend_ = nullptr;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, EqualRequestsShareOneModelAndOthersReplaceIt) {
  const ModelRequest request = {.model = "tiny-llama", .dtype = "float32", .seed = 1};
  LoadedModel* first = Load(request);
  EXPECT_EQ(Load(request), first);
  const std::string session = engine_->Keep(Start(*first));

  ModelRequest reseeded = request;
  reseeded.seed = 2;
  Load(reseeded);

  ASSERT_EQ(engine_->Snapshot().size(), 1u);
  EXPECT_EQ(engine_->Snapshot()[0].request.seed, 2u);
  EXPECT_EQ(engine_->Acquire(session).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(EngineTest, FailedLoadKeepsTheModelThatWasThere) {
  LoadedModel* first = Load({.model = "tiny-llama"});
  const std::string session = engine_->Keep(Start(*first));
  const auto bad = engine_->Load({.model = "tiny-llama", .dtype = "int3"}, [](absl::string_view, double) {});
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("'int3'"));
  EXPECT_EQ(engine_->Find("tiny-llama").value(), first);
  EXPECT_TRUE(engine_->Acquire(session).ok());
}

TEST_F(EngineTest, ModelThatDoesNotFitSaysWhatItNeedsAndWhatThereIs) {
  backend_->set_available_bytes(100'000);
  const auto model = engine_->Load({.model = "tiny-llama"}, [](absl::string_view, double) {});
  EXPECT_EQ(model.status().code(), absl::StatusCode::kResourceExhausted);
  const std::optional<MemoryShortage> shortage = ShortageOf(model.status());
  ASSERT_TRUE(shortage.has_value()) << model.status();
  EXPECT_GT(shortage->bytes_needed, 361'600);  // The weights alone.
  EXPECT_EQ(shortage->bytes_available, 100'000);
  EXPECT_TRUE(engine_->Snapshot().empty());
}

TEST_F(EngineTest, SessionsAreAdmittedAgainstWhatOpenOnesMayStillTake) {
  LoadedModel* model = Load({.model = "tiny-llama"});
  const int64_t full = model->facts().max_kv_bytes;
  engine_->Keep(Start(*model));
  backend_->set_available_bytes(full * 3 / 2);  // One more would fit, were it not for the rest of the first.
  const auto second = engine_->NewGeneration(*model, {}, 0);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ShortageOf(second.status())->bytes_needed, full);
  EXPECT_TRUE(engine_->NewGeneration(*model, {}, 16).ok());
}

// The limit is the budget or what the device has, whichever is less; what caches hold already is theirs.
TEST_F(EngineTest, LimitOfCachesIsWhatThereIsForThem) {
  LoadedModel* model = Load({.model = "tiny-llama"});
  const std::string session = engine_->Keep(Start(*model));
  const int64_t used = (*engine_->Acquire(session))->kv_bytes();
  ASSERT_GT(used, 0);
  backend_->set_available_bytes(1'000'000);
  engine_->Housekeep();
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr(absl::StrCat("metronome_kv_cache_limit_bytes ", 1'000'000 + used, "\n")));
  EXPECT_THAT(text, HasSubstr("metronome_device_memory_available_bytes{backend=\"cpu\"} 1000000\n"));
  EXPECT_THAT(text, HasSubstr("metronome_device_memory_capacity_bytes{backend=\"cpu\"} "));

  Metrics metrics;
  Engine bounded(kernels::CreateCpuBackend({.threads = 1}).value(),
                 {.queue_limit = 7, .sessions = {.total = 3}, .caches = {.total = 4096}}, clock_, metrics);
  bounded.Housekeep();
  EXPECT_THAT(metrics.Text(), HasSubstr("metronome_kv_cache_limit_bytes 4096\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("metronome_requests_waiting_limit 7\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("metronome_sessions_limit 3\n"));
}

TEST_F(EngineTest, IdleSessionsExpireAndBusyOnesStay) {
  LoadedModel* model = Load({.model = "tiny-llama"});
  const std::string idle = engine_->Keep(Start(*model)), busy = engine_->Keep(Start(*model));
  ASSERT_TRUE(engine_->Acquire(busy).ok());
  clock_.Advance(absl::Minutes(9));
  engine_->Housekeep();
  EXPECT_EQ(engine_->OpenSessions(), 2);

  clock_.Advance(absl::Minutes(2));
  engine_->Housekeep();

  EXPECT_EQ(engine_->Acquire(idle).status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(engine_->Reacquire(busy), nullptr);
  EXPECT_EQ(engine_->OpenSessions(), 1);
}

TEST_F(EngineTest, UseKeepsASessionFromExpiring) {
  LoadedModel* model = Load({.model = "tiny-llama"});
  const std::string session = engine_->Keep(Start(*model));
  clock_.Advance(absl::Minutes(9));
  ASSERT_TRUE(engine_->Acquire(session).ok());
  engine_->Release(session);
  clock_.Advance(absl::Minutes(9));
  engine_->Housekeep();
  EXPECT_EQ(engine_->OpenSessions(), 1);
}

TEST_F(EngineTest, SessionInUseRefusesASecondUser) {
  LoadedModel* model = Load({.model = "tiny-llama"});
  const std::string session = engine_->Keep(Start(*model));
  ASSERT_TRUE(engine_->Acquire(session).ok());
  const absl::Status second = engine_->Acquire(session).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr(session));
  EXPECT_EQ(engine_->Fork(session).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(EngineTest, ForkContinuesAsItsOriginWouldAndIndependently) {
  LoadedModel* model = Load({.model = "tiny-qwen3", .dtype = "float32", .seed = 9});
  const std::string origin = engine_->Keep(Start(*model));

  const absl::StatusOr<std::string> fork = engine_->Fork(origin);

  ASSERT_TRUE(fork.ok()) << fork.status();
  const std::vector<int32_t> of_origin = NextIds(**engine_->Acquire(origin), 8);
  const std::vector<int32_t> of_fork = NextIds(**engine_->Acquire(*fork), 8);
  EXPECT_EQ(of_origin, of_fork);
  EXPECT_TRUE(engine_->Close(origin).ok());
  EXPECT_EQ(NextIds(*engine_->Reacquire(*fork), 3).size(), 3u);
}

TEST_F(EngineTest, UnloadClosesTheSessionsOfThatModelAlone) {
  LoadedModel* llama = Load({.model = "tiny-llama"});
  LoadedModel* qwen = Load({.model = "tiny-qwen2"});
  engine_->Keep(Start(*llama));
  engine_->Keep(Start(*llama));
  const std::string other = engine_->Keep(Start(*qwen));
  EXPECT_EQ(engine_->Unload("tiny-llama").value(), 2);
  EXPECT_TRUE(engine_->Acquire(other).ok());
  EXPECT_EQ(engine_->Unload("tiny-llama").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(EngineTest, TheFirstLayersAreAModelOfTheirOwn) {
  LoadedModel* const whole = Load({.model = "tiny-llama", .dtype = "float32"});
  const int64_t parameters = whole->facts().parameters;
  EXPECT_EQ(whole->facts().layers, whole->facts().model_layers);
  EXPECT_EQ(LabelsFor(*whole).model, "tiny-llama");

  LoadedModel* const part = Load({.model = "tiny-llama", .dtype = "float32", .layers = 1});
  EXPECT_EQ(part->facts().layers, 1);
  EXPECT_EQ(part->facts().model_layers, 3);
  EXPECT_LT(part->facts().parameters, parameters);
  EXPECT_EQ(LabelsFor(*part).model, "partial");
  EXPECT_TRUE((*part->NewSession(16))->Step(3).ok());

  const auto beyond = engine_->Load({.model = "tiny-llama", .layers = 4}, [](absl::string_view, double) {});
  EXPECT_EQ(beyond.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(beyond.status().message()), HasSubstr("layers is 4, not in [1, 3]"));
}

// What a session may take is bounded by the window in all layers but one; a chunk of a prompt comes on top.
TEST_F(EngineTest, WindowedLayersAreCountedAsWhatTheyKeep) {
  LoadedModel* const model = Load({.model = "tiny-gemma3", .max_cache_len = 2048});
  const int64_t per_token = model->facts().kv_bytes_per_token;
  EXPECT_LT(model->facts().max_kv_bytes, per_token * 2048 * 3 / 4);
  EXPECT_EQ(model->KvBytes(1), per_token);
  backend_->set_available_bytes(model->facts().max_kv_bytes);
  EXPECT_TRUE(engine_->NewGeneration(*model, {}, 0).ok());
  backend_->set_available_bytes(model->facts().max_kv_bytes - 1);
  EXPECT_EQ(engine_->NewGeneration(*model, {}, 0).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(EngineTest, UnknownAndUncompiledModelsAreToldApart) {
  EXPECT_EQ(engine_->Find("tiny-llama").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(engine_->Find("tiny-lama").status().code(), absl::StatusCode::kNotFound);
}

v1::BenchmarkSpec TinySpec() {
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_iters(3);
  spec.set_warmups(1);
  spec.set_decode_tokens(4);
  spec.set_prompt_tokens(6);
  EXPECT_TRUE(NormaliseSpec(spec).ok());
  return spec;
}

TEST_F(EngineTest, BenchmarkThatDoesNotFitIsSkippedWithBothNumbers) {
  backend_->set_available_bytes(50'000);
  const v1::BenchmarkResult result =
      RunBenchmark(*engine_, TinySpec(), CancelToken(), [](absl::string_view, double) {});
  EXPECT_EQ(result.outcome(), "skipped");
  EXPECT_EQ(result.error_kind(), "RESOURCE_EXHAUSTED");
  EXPECT_GT(result.bytes_needed(), 361'600);
  EXPECT_EQ(result.bytes_available(), 50'000);
}

TEST_F(EngineTest, BenchmarkWithoutRoomForTheBandwidthProbeKeepsItsTimes) {
  backend_->set_available_bytes(10'000'000);
  const v1::BenchmarkResult result =
      RunBenchmark(*engine_, TinySpec(), CancelToken(), [](absl::string_view, double) {});
  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  EXPECT_EQ(result.ttft_ms().n(), 3);
  EXPECT_EQ(result.bandwidth_bytes_per_second(), 0);
  EXPECT_THAT(result.note(), HasSubstr("bandwidth not measured: no room for the probe"));
}

// Says that it records, and then does not.
class RefusingBackend final : public ForwardingBackend {
 public:
  RefusingBackend() : ForwardingBackend(kernels::CreateCpuBackend({.threads = 1}).value()) {}
  bool can_record() const override { return true; }
  absl::Status BeginRecording(int64_t) override { return absl::InternalError("no capture today"); }
};

TEST(EngineRecordingTest, ResultsOfStepsThatCouldNotBeRecordedSaySo) {
  Metrics metrics;
  Engine engine(std::make_unique<RefusingBackend>(), EngineOptions{}, Clock::Real(), metrics);
  for (const char* const path : {"graph", "compiled"}) {
    v1::BenchmarkSpec spec = TinySpec();
    spec.set_path(path);
    const v1::BenchmarkResult result = RunBenchmark(engine, spec, CancelToken(), [](absl::string_view, double) {});
    EXPECT_EQ(result.outcome(), "ok") << result.error_text();
    const auto note = HasSubstr("steps were launched kernel by kernel: no capture today");
    if (spec.path() == "graph") {
      EXPECT_THAT(result.note(), note);
    } else {
      EXPECT_THAT(result.note(), Not(note));
    }
  }
}

// Each iteration asks twelve times at most; stopping in the third leaves the samples of the first two.
TEST_F(EngineTest, CancelledBenchmarkHasFailedAndKeepsWhatItMeasured) {
  int measured = -1;  // Progress comes before each iteration; the warm-up is the first.
  const CancelToken token([&] { return measured < 3 ? absl::OkStatus() : absl::CancelledError("gone"); });
  const v1::BenchmarkResult result = RunBenchmark(*engine_, TinySpec(), token, [&](absl::string_view phase, double) {
    measured += phase == "warmup" || phase == "measure";
  });
  EXPECT_EQ(result.outcome(), "failed");
  EXPECT_EQ(result.error_kind(), "CANCELLED");
  EXPECT_EQ(result.ttft_ms().n(), 2);
  EXPECT_EQ(result.step_ms().n(), 2 * 3);
  EXPECT_TRUE(engine_->Snapshot().empty());  // Loaded by the benchmark, unloaded by it.
}

// Memory is gone while `scarce` says so.
class OutOfMemoryBackend final : public ForwardingBackend {
 public:
  explicit OutOfMemoryBackend(std::unique_ptr<kernels::Backend> real) : ForwardingBackend(std::move(real)) {}
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Allocate(int64_t bytes) override {
    if (scarce) return absl::ResourceExhaustedError("none left");
    return ForwardingBackend::Allocate(bytes);
  }
  bool scarce = false;
};

TEST(EngineSearchTest, WithoutMemoryToSearchInTheDefaultPlanServes) {
  auto backend = std::make_unique<OutOfMemoryBackend>(kernels::CreateCpuBackend({.threads = 1}).value());
  OutOfMemoryBackend& memory = *backend;
  Metrics metrics;
  Engine engine(std::move(backend), {}, Clock::Real(), metrics);
  const absl::StatusOr<LoadedModel*> model =
      engine.Load({.model = "tiny-llama", .dtype = "float32", .search_iterations = 10},
                  [&](absl::string_view phase, double) { memory.scarce = phase == "search"; });
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->plans().size(), 1u);
  EXPECT_TRUE((*(*model)->NewSession(16))->Step(3).ok());
}

// Two engines over equal models, one of which draws on its device.
class DrawingEngineTest : public EngineTest {
 protected:
  DrawingEngineTest() {
    auto backend = std::make_unique<DrawingBackend>(kernels::CreateCpuBackend({.threads = 1}).value());
    drawing_ = backend.get();
    other_ = std::make_unique<Engine>(std::move(backend), EngineOptions{}, clock_, metrics_);
  }
  std::unique_ptr<Generation> Begin(Engine& engine, const runtime::SamplingOptions& sampling) {
    auto model = engine.Load({.model = "tiny-qwen3", .dtype = "float32"}, [](absl::string_view, double) {});
    auto generation = engine.NewGeneration(**model, {.sampling = sampling}, 0).value();
    first_ = generation->Start(kPrompt, runtime::PrefillMode::kChunked, nullptr, nullptr).value().id;
    return generation;
  }

  DrawingBackend* drawing_ = nullptr;
  std::unique_ptr<Engine> other_;
  int32_t first_ = -1;
};

TEST_F(DrawingEngineTest, TokensDrawnTogetherAreThoseDrawnOneByOne) {
  for (const runtime::SamplingOptions& sampling :
       {runtime::SamplingOptions{},
        runtime::SamplingOptions{.repetition_penalty = 1.3, .temperature = 1, .top_p = 0.95, .seed = 11}}) {
    const auto host = Begin(*engine_, sampling);
    const int32_t first = first_;
    const std::vector<int32_t> want = NextIds(*host, 30);
    const auto device = Begin(*other_, sampling);
    EXPECT_EQ(first_, first);
    std::vector<int32_t> got;
    const auto take = [&](int64_t count, const std::function<bool(int32_t)>& ends) {
      const auto tokens = device->NextUpTo(count, ends);
      ASSERT_TRUE(tokens.ok()) << tokens.status();
      for (const GeneratedToken& token : *tokens) {
        EXPECT_EQ(token.position, static_cast<int64_t>(kPrompt.size() + 1 + got.size()));
        got.push_back(token.id);
      }
    };
    take(9, nullptr);
    EXPECT_EQ(got.size(), 9u);
    take(1, nullptr);
    // The fifth of the next is where it ends, though more were drawn.
    int seen = 0;
    take(10, [&](int32_t) { return ++seen == 5; });
    EXPECT_EQ(got.size(), 15u);
    EXPECT_EQ(device->length(), static_cast<int64_t>(kPrompt.size() + got.size()));
    const auto fork = device->Fork().value();
    take(15, nullptr);
    EXPECT_EQ(got, want);
    EXPECT_EQ(fork->NextUpTo(3, nullptr).value()[2].id, want[17]);
  }
  EXPECT_GT(drawing_->draws, 30);
}

TEST_F(DrawingEngineTest, WhatFailsTogetherLeavesTheGenerationAsItWas) {
  const auto host = Begin(*engine_, {});
  const std::vector<int32_t> want = NextIds(*host, 4);
  const auto device = Begin(*other_, {});
  drawing_->failing_draw = drawing_->draws + 2;
  EXPECT_EQ(device->NextUpTo(4, nullptr).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(device->NextUpTo(4, nullptr, [] { return false; }).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(NextIds(*device, 4), want);
}

TEST_F(DrawingEngineTest, ABenchmarkSaysWhoDrewItsTokens) {
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_decode_tokens(6);
  ASSERT_TRUE(NormaliseSpec(spec).ok());
  const auto run = [&](Engine& engine) {
    return RunBenchmark(engine, spec, CancelToken(), [](absl::string_view, double) {});
  };
  const v1::BenchmarkResult host = run(*engine_), device = run(*other_);
  spec.set_streamed(true);
  const v1::BenchmarkResult streamed = run(*other_);
  EXPECT_FALSE(host.tokens_on_device());
  EXPECT_TRUE(device.tokens_on_device());
  EXPECT_FALSE(streamed.tokens_on_device());
  EXPECT_EQ(device.output_digest(), host.output_digest());
  EXPECT_EQ(streamed.output_digest(), host.output_digest());
  EXPECT_EQ(device.step_ms().n(), 5);
}

}  // namespace
}  // namespace metronome::server
