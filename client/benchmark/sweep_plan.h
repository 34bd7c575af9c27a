#ifndef METRONOME_CLIENT_BENCHMARK_SWEEP_PLAN_H_
#define METRONOME_CLIENT_BENCHMARK_SWEEP_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/benchmark/benchmark_config.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

// What patterns of models are looked up in.
struct ModelNames {
  std::vector<std::string> known;
  std::vector<std::string> in_all;  // Those that "all" stands for.
};

// Every cell of the configurations: each of their models on each path, with each cache length and search budget. All
// cells of a model come together, in the order the models were first named, so that what one loads serves the next; of
// those what shares weights, small budgets before large ones and short caches before long ones. Each cell says its
// path, dtype and scenario. InvalidArgument: a configuration without models, one that names an unknown model, two cells
// that are the same.
absl::StatusOr<std::vector<v1::BenchmarkSpec>> PlanSweep(const std::vector<NamedConfig>& configs,
                                                         const ModelNames& models, const std::string& weights);

// One of `count` machines that share a sweep; the first has index 1.
struct Shard {
  int64_t index = 1;
  int64_t count = 1;
};
// "2/5". InvalidArgument unless 1 <= index <= count.
absl::StatusOr<Shard> ParseShard(const std::string& text);

// Every `count`-th cell.
std::vector<v1::BenchmarkSpec> TakeShard(const std::vector<v1::BenchmarkSpec>& cells, const Shard& shard);

// The cells that have no result yet. FailedPrecondition for a result of no cell: the sweep was another.
absl::StatusOr<std::vector<v1::BenchmarkSpec>> MissingCells(const std::vector<v1::BenchmarkSpec>& cells,
                                                            const v1::Run& run);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_BENCHMARK_SWEEP_PLAN_H_
