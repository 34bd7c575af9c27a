// Time of one sampled token and of its log-probabilities, single-threaded, for vocabularies of common models and logits
// that are random normal (sigma 3) or nearly flat (sigma 0.01). A history of 0, 2,000 or 32,000 ids is penalised.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/hash.h"
#include "runtime/sampling/log_probabilities.h"
#include "runtime/sampling/sampler.h"
#include "tests/benchmarks/value_or_die.h"

namespace metronome {
namespace {

double Uniform(uint64_t& state) { return (static_cast<double>(NextSplitMix64(state) >> 11) + 0.5) * 0x1p-53; }

// Normal logits by the Box-Muller transform.
std::vector<float> NormalLogits(int64_t vocab, double sigma) {
  constexpr double kTau = 6.283185307179586;
  uint64_t state = 7;
  std::vector<float> logits(vocab);
  for (float& logit : logits) {
    const double radius = std::sqrt(-2 * std::log(Uniform(state)));
    logit = static_cast<float>(sigma * radius * std::cos(kTau * Uniform(state)));
  }
  return logits;
}

std::vector<int32_t> RandomIds(int64_t vocab, int64_t count) {
  uint64_t state = 8;
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids) id = static_cast<int32_t>(NextSplitMix64(state) % static_cast<uint64_t>(vocab));
  return ids;
}

void BenchmarkNext(benchmark::State& state, const runtime::SamplingOptions& options, int64_t vocab, double sigma,
                   int64_t history_length) {
  const std::vector<float> logits = NormalLogits(vocab, sigma);
  const std::vector<int32_t> history = RandomIds(vocab, history_length);
  runtime::Sampler sampler = ValueOrDie(runtime::Sampler::Create(options));
  for (auto _ : state) benchmark::DoNotOptimize(ValueOrDie(sampler.Next(logits, history)));
}

void BenchmarkLogProbabilities(benchmark::State& state, int64_t vocab, double sigma) {
  const std::vector<float> logits = NormalLogits(vocab, sigma);
  for (auto _ : state)
    benchmark::DoNotOptimize(ValueOrDie(runtime::LogProbabilities(logits, 7, runtime::kMaxTopLogProbs)));
}

struct Combination {
  const char* name;
  runtime::SamplingOptions options;
  int64_t history_length = 0;
};

void Register() {
  const Combination combinations[] = {
      {"greedy", {}},
      {"temperature", {.temperature = 0.8}},
      {"top_k_50", {.temperature = 0.8, .top_k = 50}},
      {"top_k_50/top_p", {.temperature = 0.8, .top_k = 50, .top_p = 0.9}},
      {"penalty_2000/top_k_50/top_p", {.repetition_penalty = 1.1, .temperature = 0.8, .top_k = 50, .top_p = 0.9}, 2000},
      {"penalty_32000/top_k_50/top_p",
       {.repetition_penalty = 1.1, .temperature = 0.8, .top_k = 50, .top_p = 0.9},
       32000},
      {"top_k_10000/top_p", {.temperature = 0.8, .top_k = 10000, .top_p = 0.9}},
      {"top_p", {.temperature = 0.8, .top_p = 0.9}},
      {"min_p", {.temperature = 0.8, .min_p = 0.05}},
      {"penalty_32000/top_p/min_p",
       {.repetition_penalty = 1.1, .temperature = 0.8, .top_p = 0.9, .min_p = 0.05},
       32000},
  };
  for (const int64_t vocab : {32000, 151936, 262144}) {
    for (const auto& [name, sigma] : {std::pair("normal", 3.0), std::pair("flat", 0.01), std::pair("equal", 0.0)}) {
      const std::string suffix = absl::StrCat("/", name, "/", vocab);
      for (const Combination& combination : combinations) {
        benchmark::RegisterBenchmark((combination.name + suffix).c_str(), [combination, vocab,
                                                                           sigma](benchmark::State& state) {
          BenchmarkNext(state, combination.options, vocab, sigma, combination.history_length);
        })->Unit(benchmark::kMicrosecond);
      }
      benchmark::RegisterBenchmark(("log_probabilities" + suffix).c_str(), [vocab,
                                                                            sigma = sigma](benchmark::State& state) {
        BenchmarkLogProbabilities(state, vocab, sigma);
      })->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace metronome

int main(int argc, char** argv) {
  metronome::Register();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
