#include "client/benchmark/sweep_plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/benchmark/sweep_cell.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

// What all cells of a configuration say.
v1::BenchmarkSpec SpecOf(const NamedConfig& named, const std::string& weights) {
  const BenchmarkConfig& config = named.config;
  v1::BenchmarkSpec spec;
  spec.set_config(named.name);
  spec.set_weights(weights);
  spec.set_scenario(config.scenario.value_or("latency"));
  spec.set_dtype(config.dtype.value_or("bfloat16"));
  if (config.prompt) spec.set_prompt(*config.prompt);
  if (config.prompt_tokens) spec.set_prompt_tokens(*config.prompt_tokens);
  if (config.iters) spec.set_iters(static_cast<int32_t>(*config.iters));
  if (config.warmups) spec.set_warmups(static_cast<int32_t>(*config.warmups));
  if (config.decode_tokens) spec.set_decode_tokens(*config.decode_tokens);
  if (config.seed) spec.set_seed(static_cast<uint64_t>(*config.seed));
  if (config.prefill_mode) spec.set_prefill_mode(*config.prefill_mode);
  if (config.layers) spec.set_layers(static_cast<int32_t>(*config.layers));
  if (config.temperature) spec.mutable_sampling()->set_temperature(*config.temperature);
  if (config.top_k) spec.mutable_sampling()->set_top_k(*config.top_k);
  if (config.top_p) spec.mutable_sampling()->set_top_p(*config.top_p);
  if (config.min_p) spec.mutable_sampling()->set_min_p(*config.min_p);
  if (config.repetition_penalty) spec.mutable_sampling()->set_repetition_penalty(*config.repetition_penalty);
  if (config.streamed) spec.set_streamed(*config.streamed);
  const bool prompted = config.prompt.has_value() || config.prompt_tokens.has_value();
  if (!prompted && spec.scenario() == "latency") spec.set_prompt(kDefaultPrompt);
  return spec;
}

// What decides which weights are loaded.
auto WeightsKey(const v1::BenchmarkSpec& spec) { return std::make_tuple(spec.dtype(), spec.layers(), spec.seed()); }

absl::Status AddCells(const NamedConfig& named, const ModelNames& models, const std::string& weights,
                      std::vector<v1::BenchmarkSpec>& cells) {
  const BenchmarkConfig& config = named.config;
  if (!config.models.has_value())
    return absl::InvalidArgumentError(
        named.name.empty() ? "no models: give --models, or a --config that names some"
                           : absl::StrCat("configuration '", named.name, "' names no models: give --models"));
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, SelectModels(*config.models, models.known, models.in_all));
  v1::BenchmarkSpec spec = SpecOf(named, weights);
  for (const std::string& model : keys) {
    spec.set_model(model);
    for (const std::string& path : config.paths.value_or(std::vector<std::string>{"compiled"})) {
      spec.set_path(path);
      for (const int64_t length : config.max_cache_len.value_or(std::vector<int64_t>{0})) {
        spec.set_max_cache_len(length);
        for (const int64_t budget : config.search_iterations.value_or(std::vector<int64_t>{0})) {
          spec.set_search_iterations(static_cast<int32_t>(budget));
          cells.push_back(spec);
        }
      }
    }
  }
  return absl::OkStatus();
}

// The place of each value among the different ones, in the order they first appear.
template <typename Value>
size_t PlaceOf(const Value& value, std::vector<Value>& seen) {
  const auto found = std::find(seen.begin(), seen.end(), value);
  if (found != seen.end()) return static_cast<size_t>(found - seen.begin());
  seen.push_back(value);
  return seen.size() - 1;
}

void Order(std::vector<v1::BenchmarkSpec>& cells) {
  using Place = std::tuple<size_t, size_t, int64_t, int64_t>;
  std::vector<std::string> models;
  std::vector<decltype(WeightsKey(cells[0]))> weights;
  std::vector<std::pair<Place, v1::BenchmarkSpec>> placed;
  for (v1::BenchmarkSpec& cell : cells) {
    const CellLimits limits = LimitsOf(cell);
    const Place place(PlaceOf(cell.model(), models), PlaceOf(WeightsKey(cell), weights), limits.search_iterations,
                      limits.positions.value_or(std::numeric_limits<int64_t>::max()));
    placed.emplace_back(place, std::move(cell));
  }
  std::stable_sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(placed.begin(), placed.end(), cells.begin(), [](auto& cell) { return std::move(cell.second); });
}

}  // namespace

absl::StatusOr<std::vector<v1::BenchmarkSpec>> PlanSweep(const std::vector<NamedConfig>& configs,
                                                         const ModelNames& models, const std::string& weights) {
  std::vector<v1::BenchmarkSpec> cells;
  for (const NamedConfig& config : configs) RETURN_IF_ERROR(AddCells(config, models, weights, cells));
  for (size_t i = 0; i < cells.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (IsOfCell(cells[i], cells[j]) || IsOfCell(cells[j], cells[i]))
        return absl::InvalidArgumentError(absl::StrCat("asked for twice: ", CellName(cells[i])));
    }
  }
  Order(cells);
  return cells;
}

absl::StatusOr<Shard> ParseShard(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  Shard shard;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &shard.index) || !absl::SimpleAtoi(parts[1], &shard.count) ||
      shard.index < 1 || shard.index > shard.count)
    return absl::InvalidArgumentError(absl::StrCat("shard is '", text, "', not INDEX/COUNT from 1/COUNT on"));
  return shard;
}

std::vector<v1::BenchmarkSpec> TakeShard(const std::vector<v1::BenchmarkSpec>& cells, const Shard& shard) {
  std::vector<v1::BenchmarkSpec> taken;
  for (auto i = static_cast<size_t>(shard.index - 1); i < cells.size(); i += static_cast<size_t>(shard.count))
    taken.push_back(cells[i]);
  return taken;
}

absl::StatusOr<std::vector<v1::BenchmarkSpec>> MissingCells(const std::vector<v1::BenchmarkSpec>& cells,
                                                            const v1::Run& run) {
  std::vector<bool> done(cells.size(), false);
  for (const v1::BenchmarkResult& result : run.results()) {
    const auto cell = std::find_if(cells.begin(), cells.end(),
                                   [&](const v1::BenchmarkSpec& c) { return IsOfCell(result.spec(), c); });
    if (cell == cells.end())
      return absl::FailedPreconditionError(
          absl::StrCat("run ", run.run_id(), " has a result of ", CellName(result.spec()),
                       ", which is no part of this sweep: give the flags that the run was started with"));
    done[static_cast<size_t>(cell - cells.begin())] = true;
  }
  std::vector<v1::BenchmarkSpec> missing;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!done[i]) missing.push_back(cells[i]);
  }
  return missing;
}

}  // namespace metronome::client
