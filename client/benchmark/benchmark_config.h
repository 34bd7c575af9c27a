#ifndef METRONOME_CLIENT_BENCHMARK_BENCHMARK_CONFIG_H_
#define METRONOME_CLIENT_BENCHMARK_BENCHMARK_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::client {

// What a configuration of benchmarks.toml, or the flags, say; what neither says keeps the server's default.
struct BenchmarkConfig {
  std::optional<std::vector<std::string>> models;
  std::optional<std::vector<std::string>> paths;
  std::optional<std::string> prompt;
  std::optional<int64_t> prompt_tokens;
  std::optional<std::vector<int64_t>> search_iterations;  // Budgets, each measured.
  std::optional<int64_t> iters;
  std::optional<int64_t> warmups;
  std::optional<int64_t> decode_tokens;
  std::optional<std::vector<int64_t>> max_cache_len;  // Lengths, each measured.
  std::optional<int64_t> seed;
  std::optional<std::string> dtype;
  std::optional<std::string> prefill_mode;
  std::optional<std::string> scenario;
  std::optional<int64_t> layers;
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::optional<bool> streamed;
  std::optional<std::vector<std::string>>
      configs;  // Of a suite: the configurations it stands for; it has no other key.
};

// A configuration and what it is called.
struct NamedConfig {
  std::string name;
  BenchmarkConfig config;
};

// The prompt when neither a configuration nor a flag gives one.
inline constexpr char kDefaultPrompt[] = "Explain what a neural network is in a paragraph.";

// The tables of a TOML text, in its order. `source` names it in errors. InvalidArgument with line and key.
absl::StatusOr<std::vector<NamedConfig>> ReadBenchmarkConfigs(absl::string_view text, absl::string_view source);

// The configurations this program was built with.
absl::string_view BuiltInBenchmarks();

// `over` where it says something, else `under`.
BenchmarkConfig Merge(const BenchmarkConfig& over, const BenchmarkConfig& under);

// Keys among `known` that any of the patterns names, in the order of `known`. "all" is every one; '*' and '?' are
// wildcards; a pattern with a
// '/' is a directory and kept as it is. InvalidArgument for a pattern that names none.
absl::StatusOr<std::vector<std::string>> SelectModels(const std::vector<std::string>& patterns,
                                                      const std::vector<std::string>& known,
                                                      const std::vector<std::string>& in_all);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_BENCHMARK_BENCHMARK_CONFIG_H_
