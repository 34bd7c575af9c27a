// Speed of the CPU kernels beside what bounds them, in one process:
//   read       bytes per second of a plain streaming read, the roofline of a decode step
//   gemv       weight bytes per second of `linear` on one row, over more than 1 GB of weights so that no cache holds
//   them; `of_read` is
//              the median of fractions of the read bandwidth, each measured just before the passes it is compared with
//   linear     FLOP per second of `linear` at prompt sizes
//   onednn     the same products by oneDNN alone, with all its threads, weights reordered once to the layout it prefers
//   attention  cache bytes per second of one decode step at a depth
//   depth      what a deep cache adds to a decode step over a shallow one, as a multiple of the time that reading the
//   added
//              bytes takes: `over_read`, the median of ratios to reads in turns with them
#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "kernels/interface/convert.h"
#include "tests/benchmarks/calibrated_backend.h"
#include "tests/benchmarks/value_or_die.h"

namespace metronome {
namespace {

kernels::Backend& CpuBackend() {
  static kernels::Backend& backend = *CalibratedCpuBackend().release();
  return backend;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size()) / 2, values.end());
  return values[values.size() / 2];
}

// Small values that differ, so that no multiplication is by a constant: a 64 Ki pattern, repeated.
class Operand {
 public:
  Operand(kernels::DType dtype, const kernels::Shape& shape) : view_{.dtype = dtype, .shape = shape} {
    buffer_ = ValueOrDie(CpuBackend().Allocate(view_.bytes()));
    view_.data = buffer_->data();
    constexpr int64_t kPattern = 1 << 16;
    static const std::vector<float> pattern = [] {
      std::vector<float> values(kPattern);
      for (int64_t i = 0; i < kPattern; ++i) values[i] = static_cast<float>((i * 2654435761u) % 4093) / 4093.0f - 0.5f;
      return values;
    }();
    for (int64_t at = 0; at < view_.elements(); at += kPattern) {
      kernels::ConvertElements(pattern.data(), kernels::DType::kFloat32,
                               static_cast<std::byte*>(view_.data) + at * static_cast<int64_t>(kernels::SizeOf(dtype)),
                               dtype, std::min(kPattern, view_.elements() - at));
    }
  }
  const kernels::TensorView& view() const { return view_; }

 private:
  kernels::TensorView view_;
  std::unique_ptr<kernels::Buffer> buffer_;
};

void Launch(const kernels::Kernel& kernel, const std::vector<kernels::TensorView>& inputs,
            const kernels::TensorView& output, const kernels::Attributes& attributes) {
  const absl::Status status = CpuBackend().Launch(
      kernel, {.inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes});
  Check(status);
}

const kernels::Attributes& PlainLinear() {
  static const kernels::Attributes& attributes =
      *new kernels::Attributes{{"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}};
  return attributes;
}

void BM_Read(benchmark::State& state) {
  for (auto _ : state) {
    const double bandwidth = ValueOrDie(CpuBackend().MeasureReadBandwidth());
    state.SetIterationTime(1e9 / bandwidth);  // Of a gigabyte.
  }
  state.SetBytesProcessed(state.iterations() * 1'000'000'000);
}

// The linear layers of one block of llama-3.2-1b, [n, k], queries and keys and values merged, gate and up too.
struct Weight {
  int64_t n, k;
};
constexpr Weight kBlock[] = {{3072, 2048}, {2048, 2048}, {16384, 2048}, {2048, 8192}};

void BM_Gemv(benchmark::State& state, kernels::DType dtype) {
  const kernels::Kernel& linear = *ValueOrDie(CpuBackend().FindKernel("linear"));
  std::vector<std::unique_ptr<Operand>> weights;
  int64_t bytes = 0;
  while (bytes < int64_t{1'200'000'000}) {
    for (const Weight& weight : kBlock) {
      weights.push_back(std::make_unique<Operand>(dtype, kernels::Shape{weight.n, weight.k}));
      bytes += weights.back()->view().bytes();
    }
  }
  const Operand x(dtype, {1, 8192}), y(dtype, {1, 16384});
  kernels::TensorView input = x.view(), output = y.view();
  std::vector<double> fractions;
  for (auto _ : state) {
    const double read = ValueOrDie(CpuBackend().MeasureReadBandwidth());
    std::vector<double> seconds;
    for (int pass = 0; pass < 7; ++pass) {
      const auto start = std::chrono::steady_clock::now();
      for (const auto& weight : weights) {
        output.shape[1] = weight->view().shape[0];
        input.shape[1] = weight->view().shape[1];
        Launch(linear, {input, weight->view()}, output, PlainLinear());
      }
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    state.SetIterationTime(Median(seconds));
    fractions.push_back(static_cast<double>(bytes) / Median(seconds) / read);
  }
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["of_read"] = Median(fractions);
}

void SetFlops(benchmark::State& state, int64_t m, int64_t n, int64_t k) {
  state.counters["FLOPS"] = benchmark::Counter(
      2.0 * static_cast<double>(m * n * k) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void BM_Linear(benchmark::State& state, kernels::DType dtype) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const kernels::Kernel& linear = *ValueOrDie(CpuBackend().FindKernel("linear"));
  const Operand x(dtype, {m, k}), w(dtype, {n, k}), y(dtype, {m, n});
  for (auto _ : state) Launch(linear, {x.view(), w.view()}, y.view(), PlainLinear());
  SetFlops(state, m, n, k);
}

void BM_OneDnn(benchmark::State& state, kernels::DType dtype) {
  using dnnl::memory;
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const auto type = dtype == kernels::DType::kBFloat16 ? memory::data_type::bf16 : memory::data_type::f32;
  const Operand x(dtype, {m, k}), w(dtype, {n, k}), y(dtype, {m, n});
  omp_set_num_threads(CpuBackend().Describe().threads);  // Our kernels leave 1 on the threads that run them.
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc plain({k, n}, type, memory::dims{1, k}), source({m, k}, type, memory::dims{k, 1}),
      target({m, n}, type, memory::dims{n, 1});
  const dnnl::matmul::primitive_desc description(
      dnnl::matmul::desc(source, memory::desc({k, n}, type, memory::format_tag::any), target), engine);
  memory from(plain, engine, w.view().data), weights(description.weights_desc(), engine),
      input(source, engine, x.view().data), output(target, engine, y.view().data);
  dnnl::reorder(from, weights).execute(stream, from, weights);
  const dnnl::matmul matmul(description);
  for (auto _ : state) {
    matmul.execute(stream, {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, output}});
    stream.wait();
  }
  state.SetLabel(description.impl_info_str());
  SetFlops(state, m, n, k);
}

// Heads of llama-3.2-1b; several caches in turn, as the layers of a model have them, so that together they leave the
// caches of the processor.
void BM_Attention(benchmark::State& state, kernels::DType dtype) {
  const int64_t rows = state.range(0), depth = state.range(1);
  constexpr int64_t kHeads = 32, kKvHeads = 8, kSize = 64, kLayers = 16;
  const kernels::Kernel& attention = *ValueOrDie(CpuBackend().FindKernel("attention"));
  const Operand q(dtype, {rows, kHeads, kSize}), y(dtype, {rows, kHeads, kSize});
  std::vector<std::unique_ptr<Operand>> keys, values;
  for (int layer = 0; layer < kLayers; ++layer) {
    keys.push_back(std::make_unique<Operand>(dtype, kernels::Shape{depth, kKvHeads, kSize}));
    values.push_back(std::make_unique<Operand>(dtype, kernels::Shape{depth, kKvHeads, kSize}));
  }
  const kernels::Attributes attributes = {{"scale", 0.125}, {"window", int64_t{0}}};
  for (auto _ : state) {
    for (int layer = 0; layer < kLayers; ++layer)
      Launch(attention, {q.view(), keys[layer]->view(), values[layer]->view()}, y.view(), attributes);
  }
  state.SetBytesProcessed(state.iterations() * kLayers * 2 * keys[0]->view().bytes());
  const int64_t pairs = rows * depth - rows * (rows - 1) / 2;  // Of a query and a visible position.
  SetFlops(state, kLayers * pairs * kHeads, 2, kSize);
}

// Heads of size range(0), range(1) query heads a key head, range(2) positions. A position of a layer has 2 KiB of
// bfloat16 keys and values, as llama-3.2-1b has.
void BM_AttentionDepth(benchmark::State& state, kernels::DType dtype) {
  constexpr int64_t kShallow = 64, kRowElements = 512, kTotalBytes = int64_t{400} << 20;
  const int64_t size = state.range(0), group = state.range(1), depth = state.range(2), kv_heads = kRowElements / size;
  const kernels::Kernel& attention = *ValueOrDie(CpuBackend().FindKernel("attention"));
  const Operand q(dtype, {1, kv_heads * group, size}), y(dtype, {1, kv_heads * group, size});
  std::vector<std::unique_ptr<Operand>> keys, values;
  const int64_t layer_bytes = 2 * depth * kRowElements * static_cast<int64_t>(kernels::SizeOf(dtype));
  for (int64_t bytes = 0; bytes < kTotalBytes; bytes += layer_bytes) {
    keys.push_back(std::make_unique<Operand>(dtype, kernels::Shape{depth, kv_heads, size}));
    values.push_back(std::make_unique<Operand>(dtype, kernels::Shape{depth, kv_heads, size}));
  }
  const kernels::Attributes attributes = {{"scale", 0.125}, {"window", int64_t{0}}};
  const auto step = [&](int64_t positions) {
    const auto start = std::chrono::steady_clock::now();
    for (size_t layer = 0; layer < keys.size(); ++layer) {
      kernels::TensorView k = keys[layer]->view(), v = values[layer]->view();
      k.shape[0] = v.shape[0] = positions;
      Launch(attention, {q.view(), k, v}, y.view(), attributes);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto added_bytes =
      static_cast<double>(static_cast<int64_t>(keys.size()) * layer_bytes / depth * (depth - kShallow));
  std::vector<double> ratios, reads;
  for (auto _ : state) {
    reads.push_back(ValueOrDie(CpuBackend().MeasureReadBandwidth()));
    std::vector<double> added;
    for (int pass = 0; pass < 3; ++pass) added.push_back(step(depth) - step(kShallow));
    state.SetIterationTime(Median(added));
    ratios.push_back(Median(added) / (added_bytes / reads.back()));
  }
  state.counters["read_GB/s"] = Median(reads) * 1e-9;
  state.counters["over_read"] = Median(ratios);
}

void PromptShapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"m", "n", "k"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int64_t m : {5, 16, 21, 40, 64, 256, 512}) {
    for (const auto& [n, k] : {Weight{2048, 2048}, {512, 2048}, {8192, 2048}, {2048, 8192}}) benchmark->Args({m, n, k});
  }
}

void Depths(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "depth"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int64_t depth : {64, 1024, 4096}) benchmark->Args({1, depth});
  benchmark->Args({256, 256});
  benchmark->Args({512, 4096});
}

void DeepShapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "group", "depth"})->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
  benchmark->ArgsProduct({{64, 128, 256}, {1, 2, 4, 6, 8}, {4096, 16384, 32768}});
}

BENCHMARK(BM_Read)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Gemv, bfloat16, kernels::DType::kBFloat16)
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Gemv, float16, kernels::DType::kFloat16)
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Gemv, float32, kernels::DType::kFloat32)
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Linear, bfloat16, kernels::DType::kBFloat16)->Apply(PromptShapes);
BENCHMARK_CAPTURE(BM_OneDnn, bfloat16, kernels::DType::kBFloat16)->Apply(PromptShapes);
BENCHMARK_CAPTURE(BM_Linear, float16, kernels::DType::kFloat16)->Apply(PromptShapes);
BENCHMARK_CAPTURE(BM_Linear, float32, kernels::DType::kFloat32)->Apply(PromptShapes);
BENCHMARK_CAPTURE(BM_OneDnn, float32, kernels::DType::kFloat32)->Apply(PromptShapes);
BENCHMARK_CAPTURE(BM_Attention, bfloat16, kernels::DType::kBFloat16)->Apply(Depths);
BENCHMARK_CAPTURE(BM_Attention, float32, kernels::DType::kFloat32)->Apply(Depths);
BENCHMARK_CAPTURE(BM_AttentionDepth, bfloat16, kernels::DType::kBFloat16)->Apply(DeepShapes);
BENCHMARK_CAPTURE(BM_AttentionDepth, float16, kernels::DType::kFloat16)->Apply(DeepShapes);
BENCHMARK_CAPTURE(BM_AttentionDepth, float32, kernels::DType::kFloat32)->Apply(DeepShapes);

}  // namespace
}  // namespace metronome

BENCHMARK_MAIN();
