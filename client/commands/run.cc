#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/benchmark/run_lifecycle.h"
#include "client/benchmark/sweep_cell.h"
#include "client/commands/commands.h"
#include "client/connection/model_argument.h"
#include "client/render/progress.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"
#include "runtime/files/toml_limits.h"

namespace metronome::client {
namespace {

constexpr char kUnfinished[] = "running";  // The state of a run that could not be finished.

absl::StatusOr<std::vector<NamedConfig>> ReadConfigs(const RunOptions& options) {
  std::string text(BuiltInBenchmarks()), source = "the built-in benchmarks.toml";
  if (!options.config_file.empty()) {
    absl::StatusOr<std::string> file = ReadRegularFile(options.config_file, kMaxTomlBytes);
    if (!file.ok()) return absl::InvalidArgumentError(file.status().message());
    RETURN_IF_ERROR(CheckTomlKeys(*file, options.config_file));
    text = *std::move(file);
    source = options.config_file;
  }
  ASSIGN_OR_RETURN(const std::vector<NamedConfig> known, ReadBenchmarkConfigs(text, source));
  return SelectConfigs(known, source, options.choice);
}

// The configurations asked for, under the flags. Of all there are, those that name no models count only where a flag
// does.
absl::StatusOr<std::vector<NamedConfig>> Configure(const RunOptions& options) {
  absl::StatusOr<std::vector<NamedConfig>> configs = ReadConfigs(options);
  if (!configs.ok()) return absl::InvalidArgumentError(configs.status().message());
  for (NamedConfig& config : *configs) config.config = Merge(options.flags, config.config);
  if (options.choice.all) {
    configs->erase(std::remove_if(configs->begin(), configs->end(),
                                  [](const NamedConfig& config) { return !config.config.models.has_value(); }),
                   configs->end());
  }
  return configs;
}

absl::StatusOr<ModelNames> ListModelNames(Connection& connection) {
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  RETURN_IF_ERROR(FromGrpcStatus(connection.inference().ListModels(&context, {}, &response)));
  ModelNames names;
  for (const v1::CatalogueModel& model : response.models()) {
    names.known.push_back(model.key());
    if (!model.tiny() && !model.repository().empty()) names.in_all.push_back(model.key());
  }
  return names;
}

absl::StatusOr<std::vector<v1::BenchmarkSpec>> Plan(Connection& connection, const RunOptions& options,
                                                    std::vector<NamedConfig> configs) {
  ASSIGN_OR_RETURN(const ModelNames names, ListModelNames(connection));
  for (NamedConfig& config : configs) {
    if (!config.config.models.has_value()) continue;
    for (std::string& model : *config.config.models) {
      const bool known = std::find(names.known.begin(), names.known.end(), model) != names.known.end();
      if (model != "all" && !known) model = AbsoluteIfPath(model);
    }
  }
  ASSIGN_OR_RETURN(const std::vector<v1::BenchmarkSpec> cells,
                   PlanSweep(configs, names, WeightsArgument(options.weights)));
  return TakeShard(cells, options.shard);
}

absl::StatusOr<v1::BenchmarkResult> Measure(Connection& connection, const std::string& run_id,
                                            const v1::BenchmarkSpec& spec, const std::string& subject,
                                            ProgressDisplay& display) {
  v1::RunBenchmarkRequest request;
  request.set_run_id(run_id);
  *request.mutable_spec() = spec;
  grpc::ClientContext context;
  const auto reader = connection.benchmark().RunBenchmark(&context, request);
  v1::RunBenchmarkResponse response;
  v1::BenchmarkResult result;
  while (reader->Read(&response)) {
    if (response.has_progress()) display.Update(subject, response.progress().phase(), response.progress().fraction());
    if (response.has_result()) result = response.result();
  }
  display.Clear();
  RETURN_IF_ERROR(FromGrpcStatus(reader->Finish()));
  return result;
}

absl::StatusOr<v1::Run> MeasureAll(Connection& connection, const RunOptions& options,
                                   const std::vector<v1::BenchmarkSpec>& cells) {
  v1::Run run;
  ASSIGN_OR_RETURN(*run.mutable_run_id(), StartRun(connection, ModeOf(options.choice), options.note));
  ProgressDisplay display;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string subject = absl::StrCat("[", i + 1, "/", cells.size(), "] ", CellName(cells[i]));
    absl::StatusOr<v1::BenchmarkResult> result = Measure(connection, run.run_id(), cells[i], subject, display);
    if (!result.ok()) {
      AbandonRun(connection, run.run_id(), result.status());
      return result.status();
    }
    *run.add_results() = *std::move(result);
  }
  for (v1::BenchmarkResult& result : *run.mutable_results())
    RETURN_IF_ERROR(FetchSamples(connection, options.output, result));
  const bool failed = HasFailedResult(run);
  run.set_state(failed ? "failed" : "complete");
  if (const absl::Status status = FinishRun(connection, run.run_id(), failed); !status.ok()) {
    Report(status);  // What was measured is shown all the same.
    run.set_state(kUnfinished);
  }
  return run;
}

}  // namespace

ExitCode RunBenchmarks(const ServerOptions& server, const RunOptions& options) {
  const absl::StatusOr<std::vector<NamedConfig>> configs = Configure(options);
  if (!configs.ok()) return Report(configs.status());
  std::vector<std::string> named = {options.weights};
  for (const NamedConfig& config : *configs) {
    const std::vector<std::string> models = config.config.models.value_or(std::vector<std::string>());
    named.insert(named.end(), models.begin(), models.end());
  }
  const auto connection = Connection::Open(WithModelRoots(server, named));
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<std::vector<v1::BenchmarkSpec>> cells = Plan(**connection, options, *configs);
  if (!cells.ok()) return Report(cells.status());
  const absl::StatusOr<v1::Run> run = MeasureAll(**connection, options, *cells);
  if (!run.ok()) return Report(run.status());
  const ExitCode printed = PrintRun(*run, options.output);
  return run->state() == kUnfinished ? ExitCode::kFailed : printed;
}

}  // namespace metronome::client
