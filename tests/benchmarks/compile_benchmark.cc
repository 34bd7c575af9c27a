// What compiling costs and what it buys, at true shapes with synthetic weights:
//   depth    graph to default plan for the first layers of a model repeated: saturation must not grow with depth
//   search   SearchPlans by budget: time, and the decode and prefill steps of the plans it finds, measured in turns
//   with
//            those of the default plan; peak memory over weights and cache
//   eager    a decode step on the eager path and on the compiled one, in turns
// METRONOME_BENCHMARK_MODEL chooses the catalogue model (default llama-3.2-1b).
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/driver/search_plans.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/engine/session.h"
#include "runtime/weights/weight_store.h"
#include "tests/benchmarks/value_or_die.h"

namespace metronome {
namespace {

constexpr int64_t kMaxLength = 4096;

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

compiler::ModelConfig ConfigOfChosenModel() {
  const char* name = std::getenv("METRONOME_BENCHMARK_MODEL");
  const compiler::CatalogueEntry* entry = compiler::FindModel(name == nullptr ? "llama-3.2-1b" : name);
  if (entry == nullptr) std::exit(2);
  return ValueOrDie(compiler::ParseHfConfig(entry->config));
}

void BM_Depth(benchmark::State& state) {
  compiler::ModelConfig config = ConfigOfChosenModel();
  const std::vector<compiler::LayerConfig> period = config.layers;
  config.layers.clear();
  for (int64_t i = 0; i < state.range(0); ++i) config.layers.push_back(period[i % period.size()]);
  const compiler::Graph graph = ValueOrDie(compiler::BuildDecoder(config, kernels::DType::kBFloat16));
  compiler::CompileResult compiled;
  for (auto _ : state) compiled = ValueOrDie(compiler::Compile(graph, compiler::ExecutionPath::kCompiled));
  double saturation_ms = 0;
  for (const compiler::SaturationReport& block : compiled.report.blocks) saturation_ms += block.elapsed_ms;
  state.counters["saturation_ms"] = saturation_ms;
  state.counters["distinct_blocks"] = static_cast<double>(compiled.report.blocks.size());
}

struct Running {
  std::unique_ptr<runtime::Executor> executor;
  std::unique_ptr<runtime::Session> session;

  Running(kernels::Backend& backend, const runtime::PlanSet& plans, const runtime::WeightStore& weights)
      : executor(ValueOrDie(runtime::Executor::Create(backend, plans, weights))),
        session(std::make_unique<runtime::Session>(
            *executor, ValueOrDie(runtime::KvCache::Create(backend, runtime::KvStateSpecsOf(plans),
                                                           {.max_length = kMaxLength})))) {}

  double PrefillSeconds(int64_t tokens) {
    const std::vector<int32_t> prompt(tokens, 7);
    Check(session->Truncate(0));
    return Seconds([&] { Check(session->Prefill(prompt, runtime::PrefillMode::kChunked)); });
  }
  double StepSeconds() {
    const int64_t before = session->length();
    const double seconds = Seconds([&] { Check(session->Step(11)); });
    Check(session->Truncate(before));
    return seconds;
  }
};

struct Loaded {
  std::unique_ptr<kernels::Backend> backend = ValueOrDie(kernels::CreateCpuBackend({}));
  compiler::Graph graph = ValueOrDie(compiler::BuildDecoder(ConfigOfChosenModel(), kernels::DType::kBFloat16));
  compiler::CompileResult compiled = ValueOrDie(compiler::Compile(graph, compiler::ExecutionPath::kCompiled));
  std::unique_ptr<runtime::WeightStore> weights = ValueOrDie(runtime::WeightStore::Load(
      *backend, runtime::WeightSpecsOf(compiled.plans[0].plan), runtime::SyntheticWeights{0}));
};

Loaded& Model() {
  static Loaded& model = *new Loaded;
  return model;
}

// range(0) is the budget.
void BM_Search(benchmark::State& state) {
  Loaded& model = Model();
  std::vector<double> decode, default_decode, prefill, default_prefill;
  for (auto _ : state) {
    compiler::CompileResult searched = ValueOrDie(compiler::Compile(model.graph, compiler::ExecutionPath::kCompiled));
    state.SetIterationTime(Seconds(
        [&] { Check(compiler::SearchPlans(*model.backend, *model.weights, {.budget = state.range(0)}, searched)); }));
    const int64_t cache = runtime::KvCache::BytesFor(runtime::KvStateSpecsOf(searched.plans), kMaxLength, kMaxLength);
    state.counters["peak_over_weights_and_cache"] =
        static_cast<double>(PeakBytes()) / static_cast<double>(model.weights->bytes() + cache);
    Running found(*model.backend, searched.plans, *model.weights),
        usual(*model.backend, model.compiled.plans, *model.weights);
    for (int i = 0; i < 3; ++i) {
      prefill.push_back(found.PrefillSeconds(256));
      default_prefill.push_back(usual.PrefillSeconds(256));
    }
    for (int i = 0; i < 15; ++i) {
      decode.push_back(found.StepSeconds());
      default_decode.push_back(usual.StepSeconds());
    }
  }
  state.counters["decode_ms"] = Median(decode) * 1e3;
  state.counters["decode_of_default"] = Median(decode) / Median(default_decode);
  state.counters["prefill_ms"] = Median(prefill) * 1e3;
  state.counters["prefill_of_default"] = Median(prefill) / Median(default_prefill);
}

// range(0) is the depth.
void BM_Eager(benchmark::State& state) {
  Loaded& model = Model();
  const compiler::CompileResult primitives =
      ValueOrDie(compiler::Compile(model.graph, compiler::ExecutionPath::kEager));
  Running eager(*model.backend, primitives.plans, *model.weights),
      compiled(*model.backend, model.compiled.plans, *model.weights);
  eager.PrefillSeconds(state.range(0));
  compiled.PrefillSeconds(state.range(0));
  std::vector<double> eager_steps, compiled_steps;
  for (auto _ : state) {
    compiled_steps.push_back(compiled.StepSeconds());
    eager_steps.push_back(eager.StepSeconds());
    state.SetIterationTime(eager_steps.back());
  }
  state.counters["compiled_ms"] = Median(compiled_steps) * 1e3;
  state.counters["eager_over_compiled"] = Median(eager_steps) / Median(compiled_steps);
}

BENCHMARK(BM_Depth)->Arg(2)->Arg(8)->Arg(32)->Arg(64)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Search)->Arg(1)->Arg(10)->Arg(100)->Arg(500)->UseManualTime()->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(BM_Eager)->Arg(64)->Arg(1024)->UseManualTime()->Iterations(7)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace metronome

BENCHMARK_MAIN();
