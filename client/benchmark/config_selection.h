#ifndef METRONOME_CLIENT_BENCHMARK_CONFIG_SELECTION_H_
#define METRONOME_CLIENT_BENCHMARK_CONFIG_SELECTION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/benchmark/benchmark_config.h"

namespace metronome::client {

// Which configurations a command asks for. None: the flags alone.
struct ConfigChoice {
  std::vector<std::string> names;  // Of configurations and suites; '*' and '?' are wildcards for configurations.
  std::vector<std::string> skip;   // The same, to leave out.
  std::string suite;               // Besides the names; must be a suite.
  bool all = false;                // Every configuration there is.
  bool scaling = false;            // By a flag, not by name.
  bool no_sweep = false;           // Without search-sweep.
};

// The configurations asked for, each once, in the order they were named; those of wildcards and suites in the order of
// `known` and of the suite. `source` says in errors where `known` comes from. NotFound for a name or wildcard that
// matches nothing; InvalidArgument (a `suite` that is none, nothing left).
absl::StatusOr<std::vector<NamedConfig>> SelectConfigs(const std::vector<NamedConfig>& known, absl::string_view source,
                                                       const ConfigChoice& choice);

// What was asked for, as a run says it: "single", "configs", "all-configs", "scaling", "search-sweep", "ur-test", or
// "suite" of any other.
std::string ModeOf(const ConfigChoice& choice);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_BENCHMARK_CONFIG_SELECTION_H_
