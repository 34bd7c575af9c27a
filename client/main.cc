#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "absl/strings/str_split.h"
#include "client/commands/commands.h"

namespace metronome::client {

ExitCode Report(const absl::Status& status) {
  std::fprintf(stderr, "bench-client: %s\n", std::string(status.message()).c_str());
  return ToExitCode(status);
}

namespace {

std::vector<std::string> SplitList(const std::string& text) { return absl::StrSplit(text, ',', absl::SkipEmpty()); }

// A flag that leaves its optional unset unless given.
template <typename T>
void AddOptional(CLI::App& app, const std::string& name, std::optional<T>& value, const std::string& help) {
  app.add_option_function<T>(
      name, [&value](const T& given) { value = given; }, help);
}

void AddList(CLI::App& app, const std::string& name, std::optional<std::vector<std::string>>& value,
             const std::string& help) {
  app.add_option_function<std::string>(
      name, [&value](const std::string& given) { value = SplitList(given); }, help);
}

void AddNumbers(CLI::App& app, const std::string& name, std::optional<std::vector<int64_t>>& values,
                const std::string& help) {
  app.add_option_function<std::vector<int64_t>>(
         name, [&values](const std::vector<int64_t>& given) { values = given; }, help)
      ->delimiter(',')
      ->allow_extra_args(false);
}

void AddOutput(CLI::App& app, OutputFormat& output) {
  app.add_option_function<std::string>(
      "-o,--output",
      [&output](const std::string& name) {
        const absl::StatusOr<OutputFormat> format = ParseOutputFormat(name);
        if (!format.ok()) throw CLI::ValidationError(std::string(format.status().message()));
        output = *format;
      },
      "table, md or json (default table)");
}

void AddServer(CLI::App& app, ServerOptions& server) {
  app.add_option("--server", server.address,
                 "daemon to use, host:port (default 127.0.0.1:50551, else one is started for the duration)");
  app.add_option("--tls-ca", server.credentials.tls_ca, "PEM file of who signs the daemon's certificate: use TLS")
      ->envname("METRONOME_TLS_CA");
  app.add_option("--tls-cert", server.credentials.tls_cert, "PEM file of this client's certificate")
      ->envname("METRONOME_TLS_CERT");
  app.add_option("--tls-key", server.credentials.tls_key, "PEM file of its private key")->envname("METRONOME_TLS_KEY");
  app.add_option("--token-file", server.credentials.token_file,
                 "file with the token that the daemon wants (default: the token in METRONOME_TOKEN)")
      ->envname("METRONOME_TOKEN_FILE");
  app.add_flag("--insecure", server.credentials.insecure, "send the token to another machine without TLS");
  app.add_option("--db", server.database, "database of a daemon started here");
  app.add_option("--threads", server.threads, "kernel threads of a daemon started here")->check(CLI::Range(0, 1024));
}

void AddCompile(CLI::App& app, CompileOptions& options) {
  app.add_option("--dtype", options.dtype, "float32, bfloat16 or float16 (default bfloat16)");
  app.add_option("--path", options.path, "compiled, graph or eager (default compiled)");
  app.add_option("--weights", options.weights,
                 "auto, synthetic, or a directory or repository of the daemon's (default auto)");
  app.add_option("--max-cache-len", options.max_cache_len, "positions of a session at most");
  app.add_option("--search-iterations", options.search_iterations,
                 "plans to try by timing them on the device (default 1: none)")
      ->check(CLI::Range(0, 100000));
  app.add_option("--search-trials", options.search_trials, "timed runs of each plan tried (default 5)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--search-keep-best", options.search_keep_best, "plans that new ones are bred from (default 3)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--layers", options.layers, "build the first so many layers only, to try what memory does not hold")
      ->check(CLI::Range(1, 4096));
  app.add_option("--seed", options.seed, "of synthetic weights and prompts, and of the search");
}

// Everything that the subcommands' callbacks need while the parser runs.
struct Arguments {
  ServerOptions server;
  RunOptions run;
  RecordOptions record;
  ReportOptions report;
  DashboardOptions dashboard;
  CompileOptions compile;
  GenerateOptions generate;
  ExplainOptions explain;
  OutputFormat output = OutputFormat::kTable;
  int limit = 0;
  std::string run_id;
  std::string model;  // To unload.
  std::string token_name, token_roles;
  bool tiny = false;
  ExitCode code = ExitCode::kOk;
};

CLI::App* AddCommand(CLI::App& app, Arguments& arguments, const char* name, const char* help,
                     ExitCode (*execute)(const Arguments&)) {
  CLI::App* command = app.add_subcommand(name, help);
  AddServer(*command, arguments.server);
  command->callback([&arguments, execute] { arguments.code = execute(arguments); });
  return command;
}

// Which configurations a sweep takes, and which of their cells.
void AddSweep(CLI::App& run, RunOptions& options) {
  ConfigChoice& choice = options.choice;
  run.add_option("--config", choice.names, "named configurations or globs, comma-separated; may be repeated")
      ->delimiter(',')
      ->allow_extra_args(false);
  run.add_option("--config-file", options.config_file, "TOML file of configurations (default: the built-in one)");
  run.add_option("--suite", choice.suite, "quick, standard, full, or another suite of the file");
  run.add_flag("--all-configs", choice.all, "every configuration that names models");
  run.add_option("--skip-configs", choice.skip, "configurations, globs or suites to leave out, comma-separated")
      ->delimiter(',')
      ->allow_extra_args(false);
  run.add_flag_callback(
      "--search-sweep", [&choice] { choice.names.push_back("search-sweep"); },
      "latency of the reference models at search budgets 10, 100 and 500");
  CLI::Option* ur_test = run.add_flag_callback(
      "--ur-test", [&choice] { choice.suite = "ur-test"; },
      "latency of the reference models on every path, and the search sweep");
  run.add_flag("--no-sweep", choice.no_sweep, "without the search sweep")->needs(ur_test);
  run.add_flag_callback(
      "--scaling",
      [&options] {
        options.flags.scenario = "scaling";
        options.choice.scaling = true;
      },
      "decode steps at positions 1, 2, 4, ... of a cache of --max-cache-len (default 32768)");
  run.add_option_function<std::string>(
      "--shard",
      [&options](const std::string& text) {
        const absl::StatusOr<Shard> shard = ParseShard(text);
        if (!shard.ok()) throw CLI::ValidationError(std::string(shard.status().message()));
        options.shard = *shard;
      },
      "INDEX/COUNT: of COUNT machines that share a sweep, the cells of this one");
}

void AddRun(CLI::App& app, Arguments& arguments) {
  CLI::App& run = *AddCommand(app, arguments, "run", "measure models and record the results",
                              [](const Arguments& a) { return RunBenchmarks(a.server, a.run); });
  BenchmarkConfig& flags = arguments.run.flags;
  AddList(run, "--models", flags.models, "all, or names, globs, directories and org/name[@revision], comma-separated");
  AddSweep(run, arguments.run);
  AddList(run, "--paths", flags.paths, "compiled, graph, eager, comma-separated (default compiled)");
  AddOptional(run, "--prompt", flags.prompt, "text, for models with a tokenizer");
  AddOptional(run, "--prompt-tokens", flags.prompt_tokens, "seeded random tokens where there is no text or tokenizer");
  AddOptional(run, "--iters", flags.iters, "measured iterations");
  AddOptional(run, "--warmups", flags.warmups, "full iterations before");
  AddOptional(run, "--decode-tokens", flags.decode_tokens, "tokens generated in each iteration");
  AddNumbers(run, "--search-iterations", flags.search_iterations, "compile budgets, comma-separated; each is measured");
  AddNumbers(run, "--max-cache-len", flags.max_cache_len, "positions of a session, comma-separated; each is measured");
  AddOptional(run, "--dtype", flags.dtype, "float32, bfloat16 or float16");
  AddOptional(run, "--seed", flags.seed, "of synthetic weights and prompts");
  AddOptional(run, "--prefill-mode", flags.prefill_mode, "chunked or sequential");
  AddOptional(run, "--layers", flags.layers,
              "measure the first so many layers only; labelled, and another model's result");
  AddOptional(run, "--temperature", flags.temperature, "of sampling (default 0: greedy)");
  AddOptional(run, "--top-k", flags.top_k, "0 = off");
  AddOptional(run, "--top-p", flags.top_p, "1 = off");
  AddOptional(run, "--min-p", flags.min_p, "0 = off");
  AddOptional(run, "--repetition-penalty", flags.repetition_penalty, "1 = off");
  run.add_flag_callback(
      "--streamed", [&flags] { flags.streamed = true; },
      "wait for each token on the host, as a client that streams would, where a GPU could go on by itself");
  run.add_option("--weights", arguments.run.weights,
                 "auto, synthetic, or a directory or repository of the daemon's (default auto)");
  run.add_option("--note", arguments.run.note, "kept with the run");
  AddOutput(run, arguments.run.output);
}

void AddRecord(CLI::App& app, Arguments& arguments) {
  CLI::App& record = *AddCommand(app, arguments, "record", "record results that another program measured",
                                 [](const Arguments& a) { return RecordResults(a.server, a.record); });
  RecordOptions& options = arguments.record;
  record
      .add_option("files", options.files, "JSON of client/peers/run_peer.py or of `run -o json`; - is standard input")
      ->required();
  CLI::Option* run = record.add_option("--run", options.run_id, "add to this open run (default: a run of its own)");
  record.add_flag("--open", options.keep_open, "leave the run open for more results");
  record.add_option("--note", options.note, "kept with the run")->excludes(run);
  AddOutput(record, options.output);
}

void AddPage(CLI::App& app, PageOptions& page, const char* default_name) {
  app.add_option("-o,--output", page.output, std::string("HTML file, or - (default ") + default_name + ")");
  app.add_option("--title", page.title, "heading of the page");
  app.add_option("--png", page.png, "picture of the page too, for a chat or a pull request; needs Chromium here");
}

void AddReport(CLI::App& app, Arguments& arguments) {
  CLI::App& report = *AddCommand(app, arguments, "report", "write a run as one HTML file with charts",
                                 [](const Arguments& a) { return WriteReport(a.server, a.report); });
  ReportOptions& options = arguments.report;
  report.add_option("run", options.run_id, "its id (default: the newest)");
  report.add_option("--baseline", options.baseline,
                    "run to compare with, or none (default: the complete one before it on the same machine)");
  report
      .add_option("--explain", options.explain,
                  "models of the run whose kernels and searches are shown; they are compiled where they are not loaded")
      ->delimiter(',');
  AddPage(report, options.page, "report-RUN.html");
}

void AddDashboard(CLI::App& app, Arguments& arguments) {
  CLI::App& dashboard = *AddCommand(app, arguments, "dashboard", "write the history of all runs as one HTML file",
                                    [](const Arguments& a) { return WriteDashboard(a.server, a.dashboard); });
  DashboardOptions& options = arguments.dashboard;
  dashboard.add_option("--limit", options.limit, "runs, the newest (default 1000)")->check(CLI::Range(1, 10000));
  dashboard.add_option("--pin", options.pins, "note at a date, as '2026-11-20 a new driver'; may be repeated")
      ->allow_extra_args(false);
  AddPage(dashboard, options.page, "dashboard.html");
}

void AddGenerate(CLI::App& app, Arguments& arguments) {
  CLI::App& generate = *AddCommand(app, arguments, "generate", "generate text (token ids without a tokenizer)",
                                   [](const Arguments& a) { return GenerateText(a.server, a.generate); });
  GenerateOptions& options = arguments.generate;
  generate.add_option("prompt", options.prompt, "text to continue");
  generate
      .add_option("--model", options.compile.model,
                  "catalogue key, HuggingFace directory, or org/name[@revision] in the daemon's HuggingFace cache")
      ->required();
  AddCompile(generate, options.compile);
  generate.add_flag("--chat", options.chat, "the prompt is a user's message: use the model's chat template");
  generate.add_option("--system", options.system, "system message, with --chat");
  generate.add_option("--messages", options.messages_file,
                      "with --chat: JSON file of messages, in place of the prompt");
  generate.add_option("--tools", options.tools_file, "with --chat: JSON file of the tools that the model may call");
  generate
      .add_option("--chat-variable", options.chat_variables,
                  "with --chat: NAME=VALUE for the chat template, the value in JSON or as text; may be repeated")
      ->allow_extra_args(false);
  generate.add_option("--prompt-tokens", options.prompt_tokens, "this many seeded random token ids instead of text");
  generate.add_option("--max-tokens", options.max_tokens, "tokens to generate (default 64)");
  generate.add_flag("!--ignore-eos", options.stop_at_eos, "go on past the end-of-text token");
  generate
      .add_option_function<std::string>(
          "--sampling", [&](const std::string& v) { options.sampling.set_model_defaults(v == "model"); },
          "greedy, or model: as its generation_config.json says; the flags below go before (default greedy)")
      ->check(CLI::IsMember({"greedy", "model"}));
  generate.add_option_function<double>(
      "--temperature", [&](const double& v) { options.sampling.set_temperature(v); }, "0 = greedy (default 0)");
  generate.add_option_function<int64_t>(
      "--top-k", [&](const int64_t& v) { options.sampling.set_top_k(v); }, "0 = off");
  generate.add_option_function<double>(
      "--top-p", [&](const double& v) { options.sampling.set_top_p(v); }, "1 = off");
  generate.add_option_function<double>(
      "--min-p", [&](const double& v) { options.sampling.set_min_p(v); }, "0 = off");
  generate.add_option_function<double>(
      "--repetition-penalty", [&](const double& v) { options.sampling.set_repetition_penalty(v); }, "1 = off");
  generate.add_option_function<int32_t>(
      "--logprobs", [&](const int32_t& v) { options.sampling.set_logprobs(v); },
      "a token a line with its log-probability and those of so many most likely tokens, 0 to 20");
  generate.add_option("--stop-token-ids", options.stop_token_ids, "end after the first of these")->delimiter(',');
  generate
      .add_option("--tokens-at-once", options.tokens_at_once,
                  "print so many together (default 1): a GPU then goes from one to the next by itself")
      ->check(CLI::Range(1, 1024));
  generate.add_option_function<uint64_t>(
      "--sampling-seed", [&](const uint64_t& v) { options.sampling.set_seed(v); }, "of sampling");
}

void AddExplain(CLI::App& app, Arguments& arguments) {
  ExplainOptions& options = arguments.explain;
  CLI::App& explain =
      *AddCommand(app, arguments, "explain", "what a model's step spends its time on, and why this plan",
                  [](const Arguments& a) { return ExplainModel(a.server, a.explain); });
  explain
      .add_option("model", options.compile.model,
                  "catalogue key, HuggingFace directory, or org/name[@revision] in the daemon's HuggingFace cache")
      ->required();
  AddCompile(explain, options.compile);
  explain.add_option("--tokens", options.tokens, "of the step (default 1: decode)")->check(CLI::Range(1, 1024));
  explain.add_option("--past", options.past, "positions in the cache before it (default 64)")
      ->check(CLI::Range(0, 1 << 30));
  explain.add_option("--stage", options.stage, "print the graph, its blocks, the fused graph or the plan instead")
      ->check(CLI::IsMember({"graph", "blocks", "fused", "plan"}));
  explain.callback([&arguments, &explain] {
    for (const char* flag : {"--dtype", "--path", "--weights", "--max-cache-len", "--search-iterations",
                             "--search-trials", "--search-keep-best", "--layers", "--seed"})
      arguments.explain.compile_first |= explain.count(flag) > 0;
    arguments.code = ExplainModel(arguments.server, arguments.explain);
  });
}

void AddToken(CLI::App& app, Arguments& arguments) {
  CLI::App* token = app.add_subcommand("token", "tokens that let callers into a daemon");
  token->require_subcommand(1);
  CLI::App* create = token->add_subcommand("new", "make one: prints it, and its line for the daemon's --tokens file");
  create->add_option("--name", arguments.token_name, "whose it is, for the daemon's log")->required();
  create->add_option("--roles", arguments.token_roles, "of read, infer, benchmark and admin, comma-separated")
      ->required();
  create->callback([&arguments] { arguments.code = MakeToken(arguments.token_name, arguments.token_roles); });
}

int Main(int argc, char** argv) {
  CLI::App app("bench-client: measures LLM inference inside a Metronome daemon");
  app.require_subcommand(1);
  Arguments arguments;
  AddRun(app, arguments);
  AddRecord(app, arguments);
  CLI::App* runs = AddCommand(app, arguments, "runs", "list recorded runs, newest first",
                              [](const Arguments& a) { return ListRuns(a.server, a.limit, a.output); });
  runs->add_option("--limit", arguments.limit, "how many (default 50)");
  AddOutput(*runs, arguments.output);
  CLI::App* show = AddCommand(app, arguments, "show", "show one run (default: the newest)",
                              [](const Arguments& a) { return ShowRun(a.server, a.run_id, a.output); });
  show->add_option("run", arguments.run_id, "its id");
  AddOutput(*show, arguments.output);
  CLI::App* models = AddCommand(app, arguments, "models", "list the models known by name",
                                [](const Arguments& a) { return ListModels(a.server, a.tiny); });
  models->add_flag("--tiny", arguments.tiny, "the small test variants too");
  CLI::App* compile = AddCommand(app, arguments, "compile", "compile and load a model",
                                 [](const Arguments& a) { return CompileModel(a.server, a.compile); });
  compile
      ->add_option("model", arguments.compile.model,
                   "catalogue key, HuggingFace directory, or org/name[@revision] in the daemon's HuggingFace cache")
      ->required();
  AddCompile(*compile, arguments.compile);
  AddReport(app, arguments);
  AddDashboard(app, arguments);
  AddExplain(app, arguments);
  AddGenerate(app, arguments);
  CLI::App* unload = AddCommand(app, arguments, "unload", "give back the memory of a compiled model",
                                [](const Arguments& a) { return UnloadModel(a.server, a.model); });
  unload->add_option("model", arguments.model, "as it was compiled")->required();
  AddToken(app, arguments);
  AddCommand(app, arguments, "status", "what the daemon is doing and on what",
             [](const Arguments& a) { return ShowStatus(a.server); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(arguments.code);
}

}  // namespace
}  // namespace metronome::client

int main(int argc, char** argv) { return metronome::client::Main(argc, argv); }
