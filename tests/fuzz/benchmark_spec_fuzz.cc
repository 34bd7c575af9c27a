// BenchmarkSpec, and the result that a client records.
#include "server/benchmark/external_result.h"
#include "server/benchmark/spec.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/message.h"

namespace metronome::fuzz {
namespace {

const std::vector<std::string>& Words() {
  static const auto& words = *new std::vector<std::string>{
      "tiny-llama", "latency", "scaling",    "compiled",    "graph", "eager",        "float32", "bfloat16",
      "sequential", "chunked", "synthetic",  "hf_eager",    "ok",    "skipped",      "failed",  "ttft_ms",
      "tpot_ms",    "step_ms", "step_bytes", "sampling_ms", "/a/b",  "org/name@main"};
  return words;
}

}  // namespace

std::vector<std::string> Seeds() {
  v1::BenchmarkResult result;
  v1::BenchmarkSpec& spec = *result.mutable_spec();
  spec.set_model("tiny-llama");
  spec.set_dtype("float32");
  spec.set_path("hf_eager");
  result.set_prompt_tokens(21);
  for (const double value : {1.5, 2.5, 2.0}) {
    for (const char* metric : {"ttft_ms", "tpot_ms", "step_ms"}) {
      v1::Sample& sample = *result.add_samples();
      sample.set_metric(metric);
      sample.set_value(value);
    }
  }
  std::vector<std::string> seeds = {result.SerializeAsString()};
  spec.set_path("compiled");
  spec.set_iters(3);
  spec.set_decode_tokens(9);
  spec.mutable_sampling()->set_temperature(0.5);
  seeds.push_back(result.SerializeAsString());
  spec.clear_sampling();
  spec.clear_decode_tokens();
  spec.set_scenario(server::kScaling);
  spec.set_max_cache_len(100);
  seeds.push_back(result.SerializeAsString());
  return seeds;
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  [[maybe_unused]] static const bool silent = fuzz::SilenceProtobuf();
  v1::BenchmarkResult result;
  if (!result.ParseFromArray(data, static_cast<int>(size))) return 0;
  v1::BenchmarkSpec spec = result.spec();
  if (server::NormaliseSpec(spec).ok()) {
    v1::BenchmarkSpec again = spec;
    fuzz::Require(server::NormaliseSpec(again).ok() && again.SerializeAsString() == spec.SerializeAsString(),
                  "a normalised spec is not what normalising makes of it");
    fuzz::Require(spec.iters() >= 1 && spec.warmups() >= 0 && spec.prompt_tokens() >= 1, "a count out of range");
    fuzz::Require(server::ModelRequestOf(spec, "cpu").ok(), "a normalised spec names no model");
  }
  if (server::NormaliseExternalResult(result).ok()) {
    fuzz::Require(result.provenance() == "external" && !result.outcome().empty(),
                  "a result was taken without an outcome");
    const bool measured = result.outcome() == "ok" && result.spec().scenario() == server::kLatency;
    fuzz::Require(!measured || result.ttft_ms().median() > 0, "a measurement without a time was taken");
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace metronome;
  fuzz::Random random(seed);
  v1::BenchmarkResult result;
  if (random.OneIn(8) || !result.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, max_size);
  fuzz::MutateMessage(result, fuzz::Words(), random);
  const std::string mutated = result.SerializeAsString();
  return mutated.size() <= max_size ? fuzz::Give(mutated, data, max_size) : LLVMFuzzerMutate(data, size, max_size);
}
