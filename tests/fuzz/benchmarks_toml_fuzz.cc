// The client's benchmark configurations.
#include "client/benchmark/benchmark_config.h"
#include "tests/fuzz/fuzz_target.h"

namespace metronome::fuzz {

std::vector<std::string> Seeds() {
  return {std::string(client::BuiltInBenchmarks()),
          "[a]\nmodels = [\"tiny-*\", \"all\"]\npaths = [\"graph\"]\nprompt = \"x\"\niters = 3\ntemperature = 0.5\n",
          "[a]\nmodels = \"tiny-llama\"\ntop_p = 1\nstreamed = true\nscenario = \"scaling\"\nmax_cache_len = "
          "9223372036854775807\n",
          "[a]\nmodels = [\"/x\", \"org/name\", \"*?*?*?*a\"]\n"};
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto configs = client::ReadBenchmarkConfigs(text, "benchmarks.toml");
  if (!configs.ok()) return 0;
  for (const client::NamedConfig& named : *configs) {
    if (named.config.models.has_value())
      (void)client::SelectModels(*named.config.models, {"tiny-llama", "tiny-gemma3", "llama-3.2-1b"}, {"llama-3.2-1b"});
  }
  return 0;
}
