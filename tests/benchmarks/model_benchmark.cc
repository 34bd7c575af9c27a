// Speed of a whole model at its true shapes with synthetic weights, beside a plain streaming read of memory in the same
// process:
//   decode   weight and cache bytes per second of a decode step, and the fraction of the read bandwidth that this is
//   prefill  prompt tokens per second in one chunk, and the ratio to the same tokens one by one
//   short    time to the first token of a prompt of 21, and the ratio to a decode step
//   depth    what 4096 positions add to a step over 64, and the ratio to the time that reading their bytes takes
//   load     synthetic weights per second
// METRONOME_BENCHMARK_MODEL chooses the catalogue model (default llama-3.2-1b).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "runtime/engine/session.h"
#include "runtime/plan/step_bytes.h"
#include "runtime/weights/weight_store.h"
#include "tests/benchmarks/calibrated_backend.h"
#include "tests/benchmarks/value_or_die.h"

namespace metronome {
namespace {

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

struct BenchmarkModel {
  std::unique_ptr<kernels::Backend> backend = CalibratedCpuBackend();
  runtime::PlanSet plans;
  std::unique_ptr<runtime::WeightStore> weights;
  std::unique_ptr<runtime::Executor> executor;
  double load_seconds = 0;

  explicit BenchmarkModel(kernels::DType dtype) {
    const char* name = std::getenv("METRONOME_BENCHMARK_MODEL");
    const compiler::CatalogueEntry* entry = compiler::FindModel(name == nullptr ? "llama-3.2-1b" : name);
    if (entry == nullptr) std::exit(2);
    plans =
        ValueOrDie(compiler::Compile(
                       ValueOrDie(compiler::BuildDecoder(ValueOrDie(compiler::ParseHfConfig(entry->config)), dtype)),
                       compiler::ExecutionPath::kCompiled))
            .plans;
    load_seconds = Seconds([&] {
      weights = ValueOrDie(
          runtime::WeightStore::Load(*backend, runtime::WeightSpecsOf(plans[0].plan), runtime::SyntheticWeights{0}));
    });
    executor = ValueOrDie(runtime::Executor::Create(*backend, plans, *weights));
  }

  runtime::Session NewSession() {
    return runtime::Session(*executor, ValueOrDie(runtime::KvCache::Create(*backend, runtime::KvStateSpecsOf(plans),
                                                                           {.max_length = 4096})));
  }
};

kernels::DType DTypeOf(const benchmark::State& state) { return static_cast<kernels::DType>(state.range(0)); }

// The model of the dtype asked for; the one before is freed first.
BenchmarkModel& ModelFor(kernels::DType dtype) {
  static std::unique_ptr<BenchmarkModel> model;
  static kernels::DType loaded;
  if (model == nullptr || loaded != dtype) {
    model.reset();
    model = std::make_unique<BenchmarkModel>(dtype);
    loaded = dtype;
  }
  return *model;
}

// range(1) is the depth. Reads and steps alternate, so that both see the machine in the same mood.
void BM_Decode(benchmark::State& state) {
  BenchmarkModel& model = ModelFor(DTypeOf(state));
  const int64_t depth = state.range(1);
  runtime::Session session = model.NewSession();
  Check(session.Prefill(std::vector<int32_t>(depth, 7), runtime::PrefillMode::kChunked));
  std::vector<double> steps, bandwidths;
  for (auto _ : state) {
    bandwidths.push_back(ValueOrDie(model.backend->MeasureReadBandwidth()));
    for (int i = 0; i < 8; ++i) {
      steps.push_back(Seconds([&] { Check(session.Step(11)); }));
      Check(session.Truncate(depth));
    }
    state.SetIterationTime(steps.back());
  }
  const double bytes = static_cast<double>(runtime::StepReadBytes(model.plans[0].plan, {.seq = 1, .past = depth}));
  state.counters["step_ms"] = Median(steps) * 1e3;
  state.counters["GB/s"] = bytes / Median(steps) * 1e-9;
  state.counters["read_GB/s"] = Median(bandwidths) * 1e-9;
  state.counters["fraction"] = bytes / Median(steps) / Median(bandwidths);
  state.counters["load_GB/s"] = static_cast<double>(model.weights->bytes()) / model.load_seconds * 1e-9;
}

// range(1) is the length of the prompt.
void BM_Prefill(benchmark::State& state) {
  BenchmarkModel& model = ModelFor(DTypeOf(state));
  const int64_t length = state.range(1);
  const std::vector<int32_t> prompt(length, 7);
  runtime::Session session = model.NewSession();
  std::vector<double> chunked, one_by_one;
  Check(session.Prefill(prompt, runtime::PrefillMode::kChunked));  // Makes the primitives.
  for (auto _ : state) {
    Check(session.Truncate(0));
    chunked.push_back(Seconds([&] { Check(session.Prefill(prompt, runtime::PrefillMode::kChunked)); }));
    Check(session.Truncate(0));
    const absl::Span<const int32_t> few = absl::MakeConstSpan(prompt).subspan(0, std::min<int64_t>(length, 8));
    one_by_one.push_back(Seconds([&] { Check(session.Prefill(few, runtime::PrefillMode::kSequential)); }) /
                         static_cast<double>(few.size()));
    state.SetIterationTime(chunked.back());
  }
  const double rate = static_cast<double>(length) / Median(chunked);
  state.counters["tokens/s"] = rate;
  state.counters["ratio_to_sequential"] = rate * Median(one_by_one);
}

// Time to the first token of a short prompt beside that of a decode step, in turns.
void BM_ShortPrompt(benchmark::State& state) {
  BenchmarkModel& model = ModelFor(DTypeOf(state));
  const std::vector<int32_t> prompt(state.range(1), 7);
  runtime::Session session = model.NewSession();
  std::vector<double> prompts, steps;
  for (auto _ : state) {
    for (int i = 0; i < 5; ++i) {
      Check(session.Truncate(0));
      prompts.push_back(Seconds([&] { Check(session.Prefill(prompt, runtime::PrefillMode::kChunked)); }));
      steps.push_back(Seconds([&] { Check(session.Step(11)); }));
    }
    state.SetIterationTime(prompts.back());
  }
  state.counters["ttft_ms"] = Median(prompts) * 1e3;
  state.counters["ttft_over_tpot"] = Median(prompts) / Median(steps);
}

// What a deep cache adds to a step, in turns with a shallow one, as a multiple of the time that reading the added bytes
// takes.
void BM_Depth(benchmark::State& state) {
  BenchmarkModel& model = ModelFor(DTypeOf(state));
  constexpr int64_t kShallow = 64;
  const int64_t deep = state.range(1);
  runtime::Session shallow_session = model.NewSession(), deep_session = model.NewSession();
  Check(shallow_session.Prefill(std::vector<int32_t>(kShallow, 7), runtime::PrefillMode::kChunked));
  Check(deep_session.Prefill(std::vector<int32_t>(deep - 1, 7), runtime::PrefillMode::kChunked));
  std::vector<double> added, bandwidths;
  for (auto _ : state) {
    bandwidths.push_back(ValueOrDie(model.backend->MeasureReadBandwidth()));
    for (int i = 0; i < 8; ++i) {
      const double shallow = Seconds([&] { Check(shallow_session.Step(11)); });
      added.push_back(Seconds([&] { Check(deep_session.Step(11)); }) - shallow);
      Check(shallow_session.Truncate(kShallow));
      Check(deep_session.Truncate(deep - 1));
    }
    state.SetIterationTime(added.back());
  }
  const runtime::Plan& plan = model.plans[0].plan;
  const auto bytes = static_cast<double>(runtime::StepReadBytes(plan, {.seq = 1, .past = deep - 1}) -
                                         runtime::StepReadBytes(plan, {.seq = 1, .past = kShallow}));
  state.counters["added_ms"] = Median(added) * 1e3;
  state.counters["over_read_time"] = Median(added) / (bytes / Median(bandwidths));
}

void DTypesBy(benchmark::internal::Benchmark* benchmark, std::vector<int64_t> sizes) {
  for (kernels::DType dtype : {kernels::DType::kBFloat16, kernels::DType::kFloat16, kernels::DType::kFloat32}) {
    for (int64_t size : sizes) benchmark->Args({static_cast<int64_t>(dtype), size});
  }
  benchmark->ArgNames({"dtype", "tokens"})->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
}

BENCHMARK(BM_Decode)->Apply([](auto* benchmark) { DTypesBy(benchmark, {16, 1024}); });
BENCHMARK(BM_ShortPrompt)->Apply([](auto* benchmark) { DTypesBy(benchmark, {21}); });
BENCHMARK(BM_Depth)->Apply([](auto* benchmark) { DTypesBy(benchmark, {4096}); });
BENCHMARK(BM_Prefill)->Apply([](auto* benchmark) { DTypesBy(benchmark, {21, 256}); });

}  // namespace
}  // namespace metronome

BENCHMARK_MAIN();
