// A model whose logits are NaN: every way to generate or measure tokens ends with an error that names it.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/weights/safetensors.h"
#include "server/benchmark/benchmark.h"
#include "server/benchmark/spec.h"
#include "server/engine/engine.h"
#include "tests/drawing_backend.h"
#include "tests/server/fake_clock.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The engine is driven from the test's thread. `GetParam()`: the device draws tokens.
class NanLogitsTest : public testing::TestWithParam<bool> {
 protected:
  NanLogitsTest() : model_(directory_.File("qwen3")) {
    std::filesystem::copy(std::string(METRONOME_GOLDEN_DIR) + "/models/qwen3", model_);
    SpoilFinalNorm();
    auto backend = kernels::CreateCpuBackend({.threads = 1});
    EXPECT_TRUE(backend.ok()) << backend.status();
    if (GetParam()) *backend = std::make_unique<DrawingBackend>(*std::move(backend));
    engine_ = std::make_unique<Engine>(*std::move(backend), EngineOptions{}, clock_, metrics_);
  }

  // One NaN there spoils every logit.
  void SpoilFinalNorm() const {
    const std::string path = model_ + "/model.safetensors";
    std::streamoff at = 0;
    {
      const auto file = runtime::SafetensorsFile::Open(path);
      ASSERT_TRUE(file.ok()) << file.status();
      at = static_cast<const std::byte*>((*file)->tensors().at("model.norm.weight").data) - (*file)->file().data();
    }
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at).write(reinterpret_cast<const char*>(&nan), sizeof(nan));
  }

  void ExpectNamed(const absl::Status& status) const {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("model '" + model_ + "'"), HasSubstr("NaN")));
  }

  const TempDirectory directory_;
  const std::string model_;
  FakeClock clock_;
  Metrics metrics_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(NanLogitsTest, GeneratingNamesTheModel) {
  for (const compiler::ExecutionPath path :
       {compiler::ExecutionPath::kCompiled, compiler::ExecutionPath::kGraph, compiler::ExecutionPath::kEager}) {
    const auto model =
        engine_->Load({.model = model_, .dtype = "float32", .path = path}, [](absl::string_view, double) {});
    ASSERT_TRUE(model.ok()) << model.status();
    const GenerationOptions options[] = {
        {}, {.sampling = {.temperature = 1}}, {.sampling = {.repetition_penalty = 1.5}}, {.logprobs = 2}};
    for (const GenerationOptions& how : options) {
      const auto generation = engine_->NewGeneration(**model, how, 0);
      ASSERT_TRUE(generation.ok()) << generation.status();
      ExpectNamed((*generation)->Start({{3, 14, 15}}, runtime::PrefillMode::kChunked, nullptr, nullptr).status());
      ExpectNamed((*generation)->NextUpTo(1, nullptr).status());
      ExpectNamed((*generation)->NextUpTo(4, nullptr).status());
    }
  }
}

TEST_P(NanLogitsTest, BenchmarksFailAndNameTheModel) {
  for (const char* scenario : {"latency", "scaling"}) {
    for (const double temperature : {0.0, 1.0}) {
      if (temperature > 0 && std::string(scenario) == "scaling") continue;  // It samples nothing.
      v1::BenchmarkSpec spec;
      spec.set_model(model_);
      spec.set_dtype("float32");
      spec.set_scenario(scenario);
      spec.set_max_cache_len(64);
      if (temperature > 0) spec.mutable_sampling()->set_temperature(temperature);
      if (std::string(scenario) == "latency") spec.set_prompt_tokens(3);
      ASSERT_TRUE(NormaliseSpec(spec).ok());
      const v1::BenchmarkResult result =
          RunBenchmark(*engine_, spec, CancelToken::None(), [](absl::string_view, double) {});
      EXPECT_EQ(result.outcome(), "failed") << scenario;
      ExpectNamed(absl::InternalError(result.error_text()));
      EXPECT_EQ(result.error_kind(), "INTERNAL");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, NanLogitsTest, testing::Bool(), [](const testing::TestParamInfo<bool>& info) {
  return std::string(info.param ? "DrawnOnTheDevice" : "SampledOnTheHost");
});

}  // namespace
}  // namespace metronome::server
