// Time to load 2 GB of safetensors, in the page cache, beside a plain read of the same file (1 MiB at a time): as it is
// stored, converted to float32, and experts of one tensor each put together.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/weights/weight_store.h"
#include "tests/benchmarks/value_or_die.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

struct Tensor {
  std::string name;
  int64_t rows, columns;
};

// One file of bfloat16 tensors; their bytes count up, so that none of it is a hole or the zero page.
void WriteCheckpoint(const std::string& path, const std::vector<Tensor>& tensors) {
  std::string header = "{";
  int64_t at = 0;
  for (const Tensor& tensor : tensors) {
    const int64_t bytes = 2 * tensor.rows * tensor.columns;
    absl::StrAppend(&header, header.size() > 1 ? "," : "", "\"", tensor.name, "\":{\"dtype\":\"BF16\",\"shape\":[",
                    tensor.rows, ",", tensor.columns, "],\"data_offsets\":[", at, ",", at + bytes, "]}");
    at += bytes;
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::ofstream file(path, std::ios::binary);
  const auto length = static_cast<uint64_t>(header.size());
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file << header;
  std::string block(1 << 20, '\0');
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 37 % 120);
  for (int64_t left = at; left > 0; left -= static_cast<int64_t>(block.size()))
    file.write(block.data(), std::min(left, static_cast<int64_t>(block.size())));
  if (!file.flush()) Check(absl::InternalError(absl::StrCat("cannot write ", path)));
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void PlainRead(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::vector<char> buffer(1 << 20);
  while (read(file, buffer.data(), buffer.size()) > 0) benchmark::DoNotOptimize(buffer.data());
  close(file);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void BenchmarkLoad(benchmark::State& state, const std::vector<Tensor>& tensors,
                   const std::vector<runtime::WeightSpec>& specs) {
  const TempDirectory directory;
  const std::string file = directory.File("model.safetensors");
  WriteCheckpoint(file, tensors);
  PlainRead(file);
  const auto backend = ValueOrDie(kernels::CreateCpuBackend({}));
  std::vector<double> loads, reads;
  for (auto _ : state) {  // In turns, so that both see the machine in the same mood.
    reads.push_back(Seconds([&] { PlainRead(file); }));
    std::unique_ptr<runtime::WeightStore> store;
    loads.push_back(Seconds([&] {
      store = ValueOrDie(runtime::WeightStore::Load(*backend, specs, runtime::CheckpointDirectory{directory.path()}));
    }));
    state.SetIterationTime(loads.back());
  }
  int64_t bytes = 0;
  for (const Tensor& tensor : tensors) bytes += 2 * tensor.rows * tensor.columns;
  state.counters["load_GB_per_s"] = static_cast<double>(bytes) * 1e-9 / Median(loads);
  state.counters["read_GB_per_s"] = static_cast<double>(bytes) * 1e-9 / Median(reads);
  state.counters["of_plain_read"] = Median(reads) / Median(loads);
}

void BM_Matrices(benchmark::State& state, kernels::DType dtype) {
  std::vector<Tensor> tensors;
  std::vector<runtime::WeightSpec> specs;
  for (int i = 0; i < 32; ++i) {
    tensors.push_back({absl::StrCat("model.layers.", i, ".mlp.up_proj.weight"), 8192, 4096});
    specs.push_back({absl::StrCat("layers.", i, ".mlp.up_proj.weight"), dtype, {8192, 4096}});
  }
  BenchmarkLoad(state, tensors, specs);
}

void BM_Experts(benchmark::State& state) {
  std::vector<Tensor> tensors;
  std::vector<runtime::WeightSpec> specs;
  for (int layer = 0; layer < 2; ++layer) {
    const std::string prefix = absl::StrCat("layers.", layer, ".mlp.experts.");
    for (int expert = 0; expert < 128; ++expert) {
      const std::string own = absl::StrCat("model.", prefix, expert, ".");
      tensors.push_back({own + "gate_proj.weight", 768, 2048});
      tensors.push_back({own + "up_proj.weight", 768, 2048});
      tensors.push_back({own + "down_proj.weight", 2048, 768});
    }
    specs.push_back({prefix + "gate_up_proj", kernels::DType::kBFloat16, {128, 1536, 2048}});
    specs.push_back({prefix + "down_proj", kernels::DType::kBFloat16, {128, 2048, 768}});
  }
  BenchmarkLoad(state, tensors, specs);
}

BENCHMARK_CAPTURE(BM_Matrices, as_stored, kernels::DType::kBFloat16)
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Matrices, to_float32, kernels::DType::kFloat32)
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Experts)->UseManualTime()->Iterations(7)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace metronome

BENCHMARK_MAIN();
