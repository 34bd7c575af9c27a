#ifndef METRONOME_TESTS_GOLDEN_GOLDEN_MODEL_H_
#define METRONOME_TESTS_GOLDEN_GOLDEN_MODEL_H_

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/driver/compile.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/engine/session.h"
#include "runtime/weights/weight_store.h"

namespace metronome {

// What generate.py recorded for one model of tests/golden/models.
struct GoldenExpectation {
  std::vector<int32_t> prompt;
  std::vector<int32_t> greedy;
  std::vector<float> logits;       // [tokens, vocab]
  std::vector<float> bf16_logits;  // [tokens, vocab]
  int64_t vocab = 0;
};

inline std::string GoldenModelPath(const std::string& name) {
  return absl::StrCat(METRONOME_GOLDEN_DIR, "/models/", name);
}

inline GoldenExpectation ReadGoldenExpectation(const std::string& name) {
  const auto file = runtime::SafetensorsFile::Open(GoldenModelPath(name) + "/expected.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  GoldenExpectation expected;
  if (!file.ok()) return expected;
  const auto read = [&](const char* tensor, auto& into) {
    const runtime::StoredTensor& stored = (*file)->tensors().at(tensor);
    into.resize(static_cast<size_t>(stored.bytes) / sizeof(into[0]));
    std::memcpy(into.data(), stored.data, static_cast<size_t>(stored.bytes));
  };
  read("prompt", expected.prompt);
  read("greedy", expected.greedy);
  read("logits", expected.logits);
  read("bf16_logits", expected.bf16_logits);
  expected.vocab = (*file)->tensors().at("logits").shape[1];
  return expected;
}

struct GoldenModelOptions {
  kernels::DType dtype = kernels::DType::kFloat32;
  compiler::ExecutionPath path = compiler::ExecutionPath::kCompiled;
  kernels::CpuBackendOptions backend;
};

// A fixture loaded and ready to run.
class GoldenModel {
 public:
  static std::unique_ptr<GoldenModel> Load(const std::string& name, const GoldenModelOptions& options) {
    auto backend = kernels::CreateCpuBackend(options.backend);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return backend.ok() ? LoadOn(*std::move(backend), name, options) : nullptr;
  }

  // On a backend of the caller's; options.backend is not used.
  static std::unique_ptr<GoldenModel> LoadOn(std::unique_ptr<kernels::Backend> backend, const std::string& name,
                                             const GoldenModelOptions& options) {
    auto model = std::make_unique<GoldenModel>();
    model->backend_ = std::move(backend);
    const auto build = [&]() -> absl::Status {
      const auto config = compiler::ReadHfConfig(GoldenModelPath(name) + "/config.json");
      if (!config.ok()) return config.status();
      const auto graph = compiler::BuildDecoder(*config, options.dtype);
      if (!graph.ok()) return graph.status();
      auto compiled = compiler::Compile(*graph, options.path);
      if (!compiled.ok()) return compiled.status();
      model->plans_ = std::move(compiled->plans);
      auto weights = runtime::WeightStore::Load(*model->backend_, runtime::WeightSpecsOf(model->plan()),
                                                runtime::CheckpointDirectory{GoldenModelPath(name)});
      if (!weights.ok()) return weights.status();
      model->weights_ = *std::move(weights);
      auto executor =
          runtime::Executor::Create(*model->backend_, model->plans_, *model->weights_,
                                    options.path == compiler::ExecutionPath::kGraph ? runtime::LaunchMode::kGraph
                                                                                    : runtime::LaunchMode::kInOrder);
      if (!executor.ok()) return executor.status();
      model->executor_ = *std::move(executor);
      return absl::OkStatus();
    };
    const absl::Status status = build();
    EXPECT_TRUE(status.ok()) << name << ": " << status;
    return status.ok() ? std::move(model) : nullptr;
  }

  runtime::Session NewSession(int64_t max_length) { return NewSession({.max_length = max_length}); }
  runtime::Session NewSession(const runtime::KvCacheLimits& limits) {
    auto cache = runtime::KvCache::Create(*backend_, runtime::KvStateSpecsOf(plans_), limits);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return runtime::Session(*executor_, *std::move(cache));
  }

  const runtime::Plan& plan() const { return plans_[0].plan; }
  runtime::Executor& executor() { return *executor_; }

 private:
  std::unique_ptr<kernels::Backend> backend_;
  runtime::PlanSet plans_;
  std::unique_ptr<runtime::WeightStore> weights_;
  std::unique_ptr<runtime::Executor> executor_;
};

}  // namespace metronome

#endif  // METRONOME_TESTS_GOLDEN_GOLDEN_MODEL_H_
