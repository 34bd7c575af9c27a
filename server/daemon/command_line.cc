#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/build_info.h"
#include "server/daemon/config.h"

namespace metronome::server {
namespace {

// What clients may take of the daemon's memory.
void AddLimitFlags(CLI::App& app, DaemonConfig& config) {
  app.add_option("--prompt-request-mib", config.prompt_request_mib,
                 "largest request of Prefill and Generate (default 16)");
  app.add_option("--record-request-mib", config.record_request_mib, "largest request of RecordResult (default 64)");
  app.add_option("--request-memory-mib", config.request_memory_mib,
                 "memory of requests in flight, 0 = 1/32 of the machine's (default 0)");
  app.add_option("--client-request-memory-mib", config.client_request_memory_mib,
                 "of one client's, 0 = half of that (default 0)");
  app.add_option("--answer-memory-mib", config.answer_memory_mib,
                 "memory of answers that clients have not read, 0 = 1/64 of the machine's (default 0)");
  app.add_option("--client-answer-memory-mib", config.client_answer_memory_mib,
                 "of one client's, 0 = half of that (default 0)");
  app.add_option("--session-limit", config.session_limit, "open sessions (default 256)");
  app.add_option("--client-session-limit", config.client_session_limit, "of one client (default 128)");
  app.add_option("--session-memory-mib", config.session_memory_mib,
                 "KV caches of open sessions, 0 = 3/4 of the device's memory (default 0)");
  app.add_option("--client-session-memory-mib", config.client_session_memory_mib,
                 "of one client's, 0 = two thirds of that (default 0)");
}

void AddFlags(CLI::App& app, DaemonConfig& config) {
  app.add_option("--listen", config.listen, "gRPC address, host:port or unix:/path (default 127.0.0.1:50551)");
  app.add_option("--metrics-listen", config.metrics_listen,
                 "Prometheus address, host:port; empty switches it off (default 127.0.0.1:9464)");
  app.add_option("--request-buckets", config.request_buckets,
                 "edges of histograms of requests in seconds, .1,.5,2 (default .001 to 600)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--token-buckets", config.token_buckets, "likewise of single tokens (default .0005 to 5)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--web-listen", config.web_listen,
                 "serve reports and the dashboard over HTTP, host:port, for example 127.0.0.1:8080 (default: off)");
  app.add_option("--db", config.db, "SQLite file of benchmark runs (default ~/.local/share/metronome/metronome.db)");
  app.add_option("--plan-cache", config.plan_cache,
                 "directory of searched plans, or off (default ~/.cache/metronome/plans)");
  app.add_option("--calibration", config.calibration,
                 "directory of how kernels were tuned on this CPU, or off: tuned alike everywhere (default "
                 "~/.cache/metronome/calibration)");
  app.add_option("--log-format", config.log_format, "text or json (default text)");
  app.add_option("--log-level", config.log_level, "debug, info, warn or error (default info)");
  app.add_option("--backend", config.backend,
                 "auto, cpu or cuda; auto is cuda where there is a GPU and the backend was built (default auto)");
  app.add_option("--threads", config.threads, "kernel threads, 0 = one per CPU (default 0)");
  app.add_option("--queue-limit", config.queue_limit, "requests that may wait (default 256)");
  AddLimitFlags(app, config);
  app.add_option("--session-idle-seconds", config.session_idle_seconds,
                 "free sessions unused for longer (default 600)");
  app.add_option("--drain-seconds", config.drain_seconds, "what running requests get on SIGTERM (default 30)");
  app.add_option("--tls-cert", config.tls_cert,
                 "PEM file of the certificate, and of those that signed it, to serve TLS");
  app.add_option("--tls-key", config.tls_key, "PEM file of its private key");
  app.add_option("--tls-client-ca", config.tls_client_ca,
                 "PEM file of authorities: only clients with a certificate of theirs may connect");
  app.add_option("--tokens", config.tokens,
                 "file of token hashes (bench-client token new): only calls with one of the tokens are served");
  app.add_flag("--insecure", config.insecure, "let other machines in without TLS or tokens");
  app.add_option("--max-compile-seconds", config.max_compile_seconds,
                 "the longest that Compile may take (default 7200)");
  app.add_option("--max-generation-seconds", config.max_generation_seconds,
                 "likewise for Prefill, Decode and Generate (default 14400)");
  app.add_option("--max-benchmark-seconds", config.max_benchmark_seconds,
                 "likewise for RunBenchmark and Explain (default 43200)");
  app.add_option(
         "--model-root", config.model_root,
         "folder that models may be read from, besides the HuggingFace cache and the user's home; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--stop-with-stdin", config.stop_with_stdin,
               "stop when standard input ends, so that no daemon outlives the process that started it");
  app.add_option("--port-file", config.port_file, "write the ports here once serving");
}

}  // namespace

absl::StatusOr<std::optional<DaemonConfig>> ParseCommandLine(int argc, const char* const* argv) {
  CLI::App app("metronomed: compiles LLM graphs, serves them and measures their tokens");
  app.set_version_flag("--version", absl::StrCat(kVersion, " (", kBuildCommit, ")"));
  std::string file;
  app.add_option("--config", file, "TOML file with the same names, '_' for '-'");
  DaemonConfig config;
  AddFlags(app, config);
  try {
    app.parse(argc, argv);
    if (!file.empty()) {
      // Flags win: the file goes in first, then the flags once more.
      config = DaemonConfig();
      RETURN_IF_ERROR(ApplyConfigFile(file, config));
      app.clear();
      app.parse(argc, argv);
    }
  } catch (const CLI::Success& done) {
    app.exit(done);
    return std::optional<DaemonConfig>();
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  RETURN_IF_ERROR(ValidateConfig(config));
  if (config.db.empty()) config.db = DefaultDatabasePath();
  if (config.plan_cache.empty()) config.plan_cache = DefaultPlanCacheDirectory();
  if (config.calibration.empty()) config.calibration = DefaultCalibrationDirectory();
  return std::optional<DaemonConfig>(std::move(config));
}

}  // namespace metronome::server
