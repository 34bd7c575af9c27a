#ifndef METRONOME_TESTS_GOLDEN_GOLDEN_MODEL_H_
#define METRONOME_TESTS_GOLDEN_GOLDEN_MODEL_H_

#include <cstring>
#include <memory>
#include <string>
#include <vector>

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
  return std::string(METRONOME_GOLDEN_DIR) + "/models/" + name;
}

inline GoldenExpectation ReadGoldenExpectation(const std::string& name) {
  const auto file = SafetensorsFile::Open(GoldenModelPath(name) + "/expected.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  GoldenExpectation expected;
  if (!file.ok()) return expected;
  const auto read = [&](const char* tensor, auto& into) {
    const StoredTensor& stored = (*file)->tensors().at(tensor);
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
  DType dtype = DType::kFloat32;
  ExecutionPath path = ExecutionPath::kCompiled;
  CpuBackendOptions backend;
};

// A fixture loaded and ready to run.
class GoldenModel {
 public:
  static std::unique_ptr<GoldenModel> Load(const std::string& name, const GoldenModelOptions& options) {
    auto backend = CreateCpuBackend(options.backend);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return backend.ok() ? LoadOn(*std::move(backend), name, options) : nullptr;
  }

  // On a backend of the caller's; options.backend is not used.
  static std::unique_ptr<GoldenModel> LoadOn(std::unique_ptr<Backend> backend, const std::string& name,
                                             const GoldenModelOptions& options) {
    auto model = std::make_unique<GoldenModel>();
    model->backend_ = std::move(backend);
    const auto build = [&]() -> absl::Status {
      const auto config = ReadHfConfig(GoldenModelPath(name) + "/config.json");
      if (!config.ok()) return config.status();
      const auto graph = BuildDecoder(*config, options.dtype);
      if (!graph.ok()) return graph.status();
      auto compiled = Compile(*graph, options.path);
      if (!compiled.ok()) return compiled.status();
      model->plans_ = std::move(compiled->plans);
      auto weights =
          WeightStore::Load(*model->backend_, WeightSpecsOf(model->plan()), CheckpointDirectory{GoldenModelPath(name)});
      if (!weights.ok()) return weights.status();
      model->weights_ = *std::move(weights);
      auto executor =
          Executor::Create(*model->backend_, model->plans_, *model->weights_,
                           options.path == ExecutionPath::kGraph ? LaunchMode::kGraph : LaunchMode::kInOrder);
      if (!executor.ok()) return executor.status();
      model->executor_ = *std::move(executor);
      return absl::OkStatus();
    };
    const absl::Status status = build();
    EXPECT_TRUE(status.ok()) << name << ": " << status;
    return status.ok() ? std::move(model) : nullptr;
  }

  Session NewSession(int64_t max_length) { return NewSession({.max_length = max_length}); }
  Session NewSession(const KvCacheLimits& limits) {
    auto cache = KvCache::Create(*backend_, KvStateSpecsOf(plans_), limits);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return Session(*executor_, *std::move(cache));
  }

  const Plan& plan() const { return plans_[0].plan; }
  Executor& executor() { return *executor_; }

 private:
  std::unique_ptr<Backend> backend_;
  PlanSet plans_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace metronome

#endif  // METRONOME_TESTS_GOLDEN_GOLDEN_MODEL_H_
