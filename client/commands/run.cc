#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/benchmark/run_lifecycle.h"
#include "client/commands/commands.h"
#include "client/connection/model_argument.h"
#include "client/render/progress.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"
#include "runtime/files/toml_limits.h"

namespace metronome::client {
namespace {

constexpr char kUnfinished[] = "running";  // The state of a run that could not be finished.

absl::StatusOr<BenchmarkConfig> Configure(const RunOptions& options) {
  BenchmarkConfig config;
  if (!options.config.empty()) {
    std::string text(BuiltInBenchmarks());
    if (!options.config_file.empty()) {
      absl::StatusOr<std::string> file = ReadRegularFile(options.config_file, kMaxTomlBytes);
      if (!file.ok()) return absl::InvalidArgumentError(file.status().message());
      RETURN_IF_ERROR(CheckTomlKeys(*file, options.config_file));
      text = *std::move(file);
    }
    const absl::string_view source =
        options.config_file.empty() ? "the built-in benchmarks.toml" : absl::string_view(options.config_file);
    absl::StatusOr<BenchmarkConfig> named = ReadBenchmarkConfig(text, source, options.config);
    if (!named.ok()) return absl::InvalidArgumentError(named.status().message());
    config = *std::move(named);
  }
  config = Merge(options.flags, config);
  if (!config.models.has_value())
    return absl::InvalidArgumentError("no models: give --models, or a --config that names some");
  const bool prompted = config.prompt.has_value() || config.prompt_tokens.has_value();
  if (!prompted && config.scenario.value_or("latency") == "latency") config.prompt = kDefaultPrompt;
  return config;
}

absl::StatusOr<std::vector<std::string>> ModelsOf(Connection& connection, const std::vector<std::string>& patterns) {
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  RETURN_IF_ERROR(FromGrpcStatus(connection.inference().ListModels(&context, {}, &response)));
  std::vector<std::string> known, in_all, given;
  for (const v1::CatalogueModel& model : response.models()) {
    known.push_back(model.key());
    if (!model.tiny() && !model.repository().empty()) in_all.push_back(model.key());
  }
  for (const std::string& pattern : patterns) {
    const bool is_name = pattern == "all" || std::find(known.begin(), known.end(), pattern) != known.end();
    given.push_back(is_name ? pattern : AbsoluteIfPath(pattern));
  }
  return SelectModels(given, known, in_all);
}

v1::BenchmarkSpec SpecFor(const BenchmarkConfig& config, const RunOptions& options, const std::string& model,
                          const std::string& path) {
  v1::BenchmarkSpec spec;
  spec.set_model(model);
  spec.set_path(path);
  spec.set_config(options.config);
  spec.set_weights(WeightsArgument(options.weights));
  if (config.prompt) spec.set_prompt(*config.prompt);
  if (config.prompt_tokens) spec.set_prompt_tokens(*config.prompt_tokens);
  if (config.search_iterations) spec.set_search_iterations(static_cast<int32_t>(*config.search_iterations));
  if (config.iters) spec.set_iters(static_cast<int32_t>(*config.iters));
  if (config.warmups) spec.set_warmups(static_cast<int32_t>(*config.warmups));
  if (config.decode_tokens) spec.set_decode_tokens(*config.decode_tokens);
  if (config.max_cache_len) spec.set_max_cache_len(*config.max_cache_len);
  if (config.seed) spec.set_seed(static_cast<uint64_t>(*config.seed));
  if (config.dtype) spec.set_dtype(*config.dtype);
  if (config.prefill_mode) spec.set_prefill_mode(*config.prefill_mode);
  if (config.scenario) spec.set_scenario(*config.scenario);
  if (config.layers) spec.set_layers(static_cast<int32_t>(*config.layers));
  if (config.temperature) spec.mutable_sampling()->set_temperature(*config.temperature);
  if (config.top_k) spec.mutable_sampling()->set_top_k(*config.top_k);
  if (config.top_p) spec.mutable_sampling()->set_top_p(*config.top_p);
  if (config.min_p) spec.mutable_sampling()->set_min_p(*config.min_p);
  if (config.repetition_penalty) spec.mutable_sampling()->set_repetition_penalty(*config.repetition_penalty);
  if (config.streamed) spec.set_streamed(*config.streamed);
  return spec;
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

absl::StatusOr<v1::Run> MeasureAll(Connection& connection, const RunOptions& options, const BenchmarkConfig& config) {
  ASSIGN_OR_RETURN(const std::vector<std::string> models, ModelsOf(connection, *config.models));
  const std::vector<std::string> paths = config.paths.value_or(std::vector<std::string>{"compiled"});
  v1::Run run;
  ASSIGN_OR_RETURN(*run.mutable_run_id(), StartRun(connection, config.scenario.value_or("latency"), options.note));
  ProgressDisplay display;
  for (size_t i = 0; i < models.size(); ++i) {
    for (const std::string& path : paths) {
      const std::string subject =
          absl::StrCat("[", i + 1, "/", models.size(), "] ", models[i],
                       config.layers ? absl::StrCat(" [first ", *config.layers, " layers]") : "",
                       paths.size() > 1 ? " " + path : "");
      absl::StatusOr<v1::BenchmarkResult> result =
          Measure(connection, run.run_id(), SpecFor(config, options, models[i], path), subject, display);
      if (!result.ok()) {
        AbandonRun(connection, run.run_id(), result.status());
        return result.status();
      }
      *run.add_results() = *std::move(result);
    }
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
  const absl::StatusOr<BenchmarkConfig> config = Configure(options);
  if (!config.ok()) return Report(config.status());
  std::vector<std::string> named = *config->models;
  named.push_back(options.weights);
  const auto connection = Connection::Open(WithModelRoots(server, named));
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<v1::Run> run = MeasureAll(**connection, options, *config);
  if (!run.ok()) return Report(run.status());
  const ExitCode printed = PrintRun(*run, options.output);
  return run->state() == kUnfinished ? ExitCode::kFailed : printed;
}

}  // namespace metronome::client
