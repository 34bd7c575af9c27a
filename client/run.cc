#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/render/progress.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

// First line that a command prints; empty when it fails. Commands are literals of this file.
std::string OutputOf(const char* command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command, "r"), pclose);
  char line[256] = {};
  if (pipe == nullptr || fgets(line, sizeof(line), pipe.get()) == nullptr) return "";
  return std::string(absl::StripAsciiWhitespace(line));
}

v1::CallerEnvironment DescribeCaller() {
  v1::CallerEnvironment caller;
  caller.set_git_commit(OutputOf("git rev-parse HEAD 2>/dev/null"));
  caller.set_git_branch(OutputOf("git rev-parse --abbrev-ref HEAD 2>/dev/null"));
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) == 0) caller.set_host(host);
  return caller;
}

absl::StatusOr<BenchmarkConfig> Configure(const RunOptions& options) {
  BenchmarkConfig config;
  if (!options.config.empty()) {
    std::string text(BuiltInBenchmarks());
    if (!options.config_file.empty()) {
      std::ifstream file(options.config_file, std::ios::binary);
      if (!file) return absl::InvalidArgumentError(absl::StrCat("cannot open ", options.config_file));
      text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
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
  std::vector<std::string> known, in_all;
  for (const v1::CatalogueModel& model : response.models()) {
    known.push_back(model.key());
    if (!model.tiny() && !model.repository().empty()) in_all.push_back(model.key());
  }
  return SelectModels(patterns, known, in_all);
}

v1::BenchmarkSpec SpecFor(const BenchmarkConfig& config, const RunOptions& options, const std::string& model,
                          const std::string& path) {
  v1::BenchmarkSpec spec;
  spec.set_model(model);
  spec.set_path(path);
  spec.set_config(options.config);
  spec.set_weights(options.weights);
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

absl::Status Finish(Connection& connection, const std::string& run_id, bool failed) {
  grpc::ClientContext context;
  v1::FinishRunRequest request;
  request.set_run_id(run_id);
  request.set_state(failed ? "failed" : "complete");
  v1::FinishRunResponse response;
  return FromGrpcStatus(connection.benchmark().FinishRun(&context, request, &response));
}

absl::StatusOr<v1::Run> MeasureAll(Connection& connection, const RunOptions& options, const BenchmarkConfig& config) {
  ASSIGN_OR_RETURN(const std::vector<std::string> models, ModelsOf(connection, *config.models));
  const std::vector<std::string> paths = config.paths.value_or(std::vector<std::string>{"compiled"});
  v1::StartRunRequest start;
  start.set_mode(config.scenario.value_or("latency"));
  start.set_note(options.note);
  *start.mutable_caller() = DescribeCaller();
  v1::StartRunResponse started;
  grpc::ClientContext context;
  RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().StartRun(&context, start, &started)));

  v1::Run run;
  run.set_run_id(started.run_id());
  ProgressDisplay display;
  bool failed = false;
  for (size_t i = 0; i < models.size(); ++i) {
    for (const std::string& path : paths) {
      const std::string subject =
          absl::StrCat("[", i + 1, "/", models.size(), "] ", models[i],
                       config.layers ? absl::StrCat(" [first ", *config.layers, " layers]") : "",
                       paths.size() > 1 ? " " + path : "");
      absl::StatusOr<v1::BenchmarkResult> result =
          Measure(connection, run.run_id(), SpecFor(config, options, models[i], path), subject, display);
      if (!result.ok()) {
        Finish(connection, run.run_id(), true).IgnoreError();  // The first error tells more.
        return result.status();
      }
      failed = failed || result->outcome() == "failed";
      *run.add_results() = *std::move(result);
    }
  }
  RETURN_IF_ERROR(Finish(connection, run.run_id(), failed));
  run.set_state(failed ? "failed" : "complete");
  return run;
}

}  // namespace

ExitCode RunBenchmarks(const ServerOptions& server, const RunOptions& options) {
  const absl::StatusOr<BenchmarkConfig> config = Configure(options);
  if (!config.ok()) return Report(config.status());
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<v1::Run> run = MeasureAll(**connection, options, *config);
  if (!run.ok()) return Report(run.status());
  std::fputs(RenderRun(*run, options.output).c_str(), stdout);
  if (options.output == OutputFormat::kTable)
    std::printf("Run %s is %s.\n", run->run_id().c_str(), run->state().c_str());
  return run->state() == "complete" ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace metronome
