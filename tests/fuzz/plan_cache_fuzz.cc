// An entry of the plan cache: plans and the report of their search, as they lie on disk behind the store's checksum.
#include "compiler/driver/compile.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "server/model/cached_plans_codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace metronome::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const char* model : {"tiny-llama", "tiny-qwen3-moe", "tiny-gemma3"}) {
    auto config = compiler::ParseHfConfig(compiler::FindModel(model)->config).value();
    config.layers.resize(1);
    const compiler::Graph graph = compiler::BuildDecoder(config, kernels::DType::kFloat32).value();
    for (const compiler::ExecutionPath path : {compiler::ExecutionPath::kCompiled, compiler::ExecutionPath::kEager}) {
      const compiler::CompileResult compiled = compiler::Compile(graph, path).value();
      compiler::CompileReport report = compiled.report;
      report.searches.push_back({.block = 1, .seq = 16, .past = 3, .budget = 9, .default_ms = 0.1, .best_ms = 0.3});
      seeds.push_back(server::EncodeCachedPlans(compiled.plans, report));
    }
  }
  return seeds;
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  const auto cached = server::DecodeCachedPlans({reinterpret_cast<const char*>(data), size});
  if (!cached.ok()) return 0;
  const std::string encoded = server::EncodeCachedPlans(cached->plans, cached->report);
  const auto again = server::DecodeCachedPlans(encoded);
  fuzz::Require(again.ok(), "plans that were taken are refused once encoded again");
  fuzz::Require(runtime::Hash(again->plans) == runtime::Hash(cached->plans),
                "plans change on the way through their encoding");
  for (const runtime::BucketPlan& bucket : cached->plans)
    fuzz::Require(runtime::ValidatePlan(bucket.plan).ok(), "an invalid plan was taken");
  return 0;
}
