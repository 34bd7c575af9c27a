#ifndef METRONOME_SERVER_DAEMON_CONFIG_H_
#define METRONOME_SERVER_DAEMON_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/metrics/bucket_edges.h"

namespace metronome::server {

// How the daemon runs. A flag overrides the TOML file, the file overrides these defaults; names are alike, with '-' for
// '_' in flags.
struct DaemonConfig {
  std::string listen = "127.0.0.1:50551";         // gRPC: host:port (port 0 = any free one) or unix:/path.
  std::string metrics_listen = "127.0.0.1:9464";  // Prometheus: host:port; empty = off.
  std::string web_listen;                         // Pages of what is recorded: host:port; empty = off.
  // Upper edges of the buckets of histograms of requests and of tokens, in seconds; empty = BucketEdges::Default().
  std::vector<double> request_buckets;
  std::vector<double> token_buckets;
  std::string db;                          // SQLite file; empty = DefaultDatabasePath().
  std::string plan_cache;                  // Directory of searched plans; empty = DefaultPlanCacheDirectory(),
                                           // "off" = none.
  std::string calibration;                 // Directory of what calibrating the CPU gave; empty =
                                           // DefaultCalibrationDirectory(), "off" = the kernels' own choices.
  std::string log_format = "text";         // "text" or "json".
  std::string log_level = "info";          // "debug", "info", "warn", "error".
  std::string backend = "auto";            // "auto" (CUDA where it works, else the CPU), "cpu" or "cuda".
  int64_t threads = 0;                     // Kernel threads, [0, 1024]; 0 = one per CPU.
  int64_t queue_limit = 256;               // Requests that may wait, [1, 1000000].
  int64_t prompt_request_mib = 16;         // Largest request of Prefill and Generate, [1, 1024]: 2^20 positions of 16
                                           // bytes each, where text takes four a token and ids three.
  int64_t record_request_mib = 64;         // Largest request of RecordResult, [1, 1024]: a million samples are 30 MiB.
  int64_t request_memory_mib = 0;          // Of requests in flight; 0 = 1/32 of the memory, at least 512 MiB.
  int64_t client_request_memory_mib = 0;   // Of one client's; 0 = half of that.
  int64_t answer_memory_mib = 0;           // Of answers not yet read; 0 = 1/64 of the memory, at least 64 MiB.
  int64_t client_answer_memory_mib = 0;    // Of one client's; 0 = half of that.
  int64_t session_limit = 256;             // Open sessions, [1, 1000000].
  int64_t client_session_limit = 128;      // Of one client, likewise.
  int64_t session_memory_mib = 0;          // Of their caches; 0 = 3/4 of the device's memory.
  int64_t client_session_memory_mib = 0;   // Of one client's; 0 = two thirds of that.
  int64_t session_idle_seconds = 600;      // Sessions unused for longer are freed, [1, 1000000].
  int64_t drain_seconds = 30;              // What running requests get on SIGTERM, [0, 3600].
  std::string tls_cert;                    // PEM file, with tls_key; empty = no TLS.
  std::string tls_key;                     // PEM file of its private key.
  std::string tls_client_ca;               // PEM file of who signs clients' certificates; empty = none needed.
  std::string tokens;                      // File of those whose bearers may call; empty = everybody may.
  bool insecure = false;                   // Listen to other machines without TLS or tokens.
  int64_t max_compile_seconds = 7200;      // The longest that Compile may take, [1, 1000000].
  int64_t max_generation_seconds = 14400;  // Prefill, Decode and Generate.
  int64_t max_benchmark_seconds = 43200;   // RunBenchmark and Explain.
  // Folders that models may be read from, besides the HuggingFace cache and the user's home.
  std::vector<std::string> model_root;
  bool stop_with_stdin = false;  // Stop, as on SIGTERM, when standard input ends.
  std::string port_file;         // If set, "grpc=<port>\nmetrics=<port>\n" is written here once serving.
};

// ~/.local/share/metronome/metronome.db, or below XDG_DATA_HOME.
std::string DefaultDatabasePath();

// ~/.cache/metronome/plans, or below XDG_CACHE_HOME.
std::string DefaultPlanCacheDirectory();

// ~/.cache/metronome/calibration, likewise.
std::string DefaultCalibrationDirectory();

// ~/.local/state/metronome, or below XDG_STATE_HOME: where results wait when neither the database nor its directory
// takes them.
std::string DefaultSpoolDirectory();

// Applies a TOML file. NotFound; InvalidArgument with file:line:column for bad syntax, an unknown key or a wrong type.
absl::Status ApplyConfigFile(const std::string& path, DaemonConfig& config);

// The edges of the histograms: the defaults where the configuration has none.
BucketEdges EdgesOf(const DaemonConfig& config);

// Ranges of all values. InvalidArgument naming the key.
absl::Status ValidateConfig(const DaemonConfig& config);

// Reads the command line (and the file that --config names). nullopt when help or version was printed; InvalidArgument
// for anything wrong.
absl::StatusOr<std::optional<DaemonConfig>> ParseCommandLine(int argc, const char* const* argv);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_CONFIG_H_
