#ifndef METRONOME_CLIENT_COMMANDS_COMMANDS_H_
#define METRONOME_CLIENT_COMMANDS_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/benchmark/benchmark_config.h"
#include "client/benchmark/config_selection.h"
#include "client/benchmark/sweep_plan.h"
#include "client/commands/exit_code.h"
#include "client/connection/connection.h"
#include "client/pages/finish_page.h"
#include "client/render/results.h"

namespace metronome::client {

// One function for each subcommand, each in a file of its own. They print results on standard output, progress and
// problems on standard error, and return the process's exit code.

struct RunOptions {
  BenchmarkConfig flags;
  ConfigChoice choice;
  std::string config_file;  // Empty = the built-in one.
  std::string weights;      // As CompileRequest.weights; empty = auto.
  std::string note;
  Shard shard;
  OutputFormat output = OutputFormat::kTable;
};
ExitCode RunBenchmarks(const ServerOptions& server, const RunOptions& options);

struct RecordOptions {
  std::vector<std::string> files;  // "-": standard input.
  std::string run_id;              // Of a run in state running that gets the results; empty = one is started.
  bool keep_open = false;          // Leave the run running, so that more can be added.
  std::string note;                // Of a run started here.
  OutputFormat output = OutputFormat::kTable;
};
ExitCode RecordResults(const ServerOptions& server, const RecordOptions& options);

ExitCode ListRuns(const ServerOptions& server, int limit, OutputFormat output);
ExitCode ShowRun(const ServerOptions& server, const std::string& run_id, OutputFormat output);  // Empty id: the newest.
// The newest run's id. NotFound; errors of the RPC.
absl::StatusOr<std::string> NewestRun(Connection& connection);

struct ReportOptions {
  std::string run_id;                // Empty: the newest.
  std::string baseline;              // Run that it is compared with; "none", or empty for the one before it.
  std::vector<std::string> explain;  // Models whose kernels are shown.
  PageOptions page;
};
ExitCode WriteReport(const ServerOptions& server, const ReportOptions& options);

struct DashboardOptions {
  int limit = 1000;               // Runs, the newest.
  std::vector<std::string> pins;  // "2026-11-20 a new driver".
  PageOptions page;
};
ExitCode WriteDashboard(const ServerOptions& server, const DashboardOptions& options);

ExitCode ListModels(const ServerOptions& server, bool tiny);

struct CompileOptions {
  std::string model;
  std::string dtype;
  std::string path;
  std::string weights;
  int64_t max_cache_len = 0;
  int64_t search_iterations = 0;
  int64_t search_trials = 0;
  int64_t search_keep_best = 0;
  int64_t layers = 0;
  uint64_t seed = 0;
};
ExitCode CompileModel(const ServerOptions& server, CompileOptions options);

struct ExplainOptions {
  CompileOptions
      compile;  // Used when the model is not compiled, or to compile it anew when it says more than the name.
  bool compile_first = false;
  int64_t tokens = 1;
  int64_t past = 64;
  std::string stage;  // Print this text instead: "graph", "blocks", "fused" or "plan".
};
ExitCode ExplainModel(const ServerOptions& server, ExplainOptions options);

struct GenerateOptions {
  CompileOptions compile;
  std::string prompt;
  bool chat = false;   // The prompt is a user's message.
  std::string system;  // With chat.
  // With chat: files of JSON, of messages in place of the prompt and of tools, and variables of the template,
  // name=value.
  std::string messages_file, tools_file;
  std::vector<std::string> chat_variables;
  int64_t prompt_tokens = 0;  // Seeded random ids instead of a prompt.
  int64_t max_tokens = 64;
  bool stop_at_eos = true;
  std::vector<int32_t> stop_token_ids;
  int32_t tokens_at_once = 1;
  v1::Sampling sampling;
};
ExitCode GenerateText(const ServerOptions& server, GenerateOptions options);

ExitCode ShowStatus(const ServerOptions& server);

// Gives back the memory of a model that a daemon has compiled.
ExitCode UnloadModel(const ServerOptions& server, const std::string& model);

// Prints a new token and its line for a daemon's token file. Asks no daemon.
ExitCode MakeToken(const std::string& name, const std::string& roles);

// Prints "bench-client: message" and gives the code for it.
ExitCode Report(const absl::Status& status);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_COMMANDS_COMMANDS_H_
