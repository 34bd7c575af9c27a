#include "server/daemon/config.h"

#include <toml++/toml.h>

#include <cstdlib>
#include <map>
#include <variant>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"
#include "runtime/files/toml_limits.h"
#include "server/daemon/listen_address.h"

namespace metronome::server {
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;
using Field = std::variant<std::string DaemonConfig::*, int64_t DaemonConfig::*, bool DaemonConfig::*,
                           Texts DaemonConfig::*, Numbers DaemonConfig::*>;

const std::map<std::string, Field>& Fields() {
  static const auto* const kFields =
      new std::map<std::string, Field>{{"listen", &DaemonConfig::listen},
                                       {"metrics_listen", &DaemonConfig::metrics_listen},
                                       {"request_buckets", &DaemonConfig::request_buckets},
                                       {"token_buckets", &DaemonConfig::token_buckets},
                                       {"web_listen", &DaemonConfig::web_listen},
                                       {"db", &DaemonConfig::db},
                                       {"backend", &DaemonConfig::backend},
                                       {"plan_cache", &DaemonConfig::plan_cache},
                                       {"calibration", &DaemonConfig::calibration},
                                       {"log_format", &DaemonConfig::log_format},
                                       {"log_level", &DaemonConfig::log_level},
                                       {"threads", &DaemonConfig::threads},
                                       {"queue_limit", &DaemonConfig::queue_limit},
                                       {"prompt_request_mib", &DaemonConfig::prompt_request_mib},
                                       {"record_request_mib", &DaemonConfig::record_request_mib},
                                       {"request_memory_mib", &DaemonConfig::request_memory_mib},
                                       {"client_request_memory_mib", &DaemonConfig::client_request_memory_mib},
                                       {"answer_memory_mib", &DaemonConfig::answer_memory_mib},
                                       {"client_answer_memory_mib", &DaemonConfig::client_answer_memory_mib},
                                       {"session_limit", &DaemonConfig::session_limit},
                                       {"client_session_limit", &DaemonConfig::client_session_limit},
                                       {"session_memory_mib", &DaemonConfig::session_memory_mib},
                                       {"client_session_memory_mib", &DaemonConfig::client_session_memory_mib},
                                       {"session_idle_seconds", &DaemonConfig::session_idle_seconds},
                                       {"drain_seconds", &DaemonConfig::drain_seconds},
                                       {"tls_cert", &DaemonConfig::tls_cert},
                                       {"tls_key", &DaemonConfig::tls_key},
                                       {"tls_client_ca", &DaemonConfig::tls_client_ca},
                                       {"tokens", &DaemonConfig::tokens},
                                       {"insecure", &DaemonConfig::insecure},
                                       {"max_compile_seconds", &DaemonConfig::max_compile_seconds},
                                       {"max_generation_seconds", &DaemonConfig::max_generation_seconds},
                                       {"max_benchmark_seconds", &DaemonConfig::max_benchmark_seconds},
                                       {"model_root", &DaemonConfig::model_root},
                                       {"stop_with_stdin", &DaemonConfig::stop_with_stdin},
                                       {"port_file", &DaemonConfig::port_file}};
  return *kFields;
}

absl::Status At(const std::string& path, const toml::source_region& source, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", source.begin.line, ":", source.begin.column, ": ", why));
}

// A string, or an array of them.
absl::StatusOr<Texts> TextsOf(const std::string& path, const std::string& key, const toml::node& node) {
  if (node.is_string()) return Texts{*node.value<std::string>()};
  const absl::Status wrong = At(path, node.source(), absl::StrCat("key '", key, "' is not an array of strings"));
  if (!node.is_array()) return wrong;
  Texts texts;
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_string()) return wrong;
    texts.push_back(*element.value<std::string>());
  }
  return texts;
}

absl::StatusOr<Numbers> NumbersOf(const std::string& path, const std::string& key, const toml::node& node) {
  const absl::Status wrong = At(path, node.source(), absl::StrCat("key '", key, "' is not an array of numbers"));
  if (!node.is_array()) return wrong;
  Numbers numbers;
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_number()) return wrong;
    numbers.push_back(*element.value<double>());
  }
  return numbers;
}

absl::Status Assign(const std::string& path, const std::string& key, const toml::node& node, DaemonConfig& config) {
  const auto found = Fields().find(key);
  if (found == Fields().end()) return At(path, node.source(), absl::StrCat("unknown key '", key, "'"));
  if (const auto* text = std::get_if<std::string DaemonConfig::*>(&found->second)) {
    if (!node.is_string()) return At(path, node.source(), absl::StrCat("key '", key, "' is not a string"));
    config.*(*text) = *node.value<std::string>();
  } else if (const auto* flag = std::get_if<bool DaemonConfig::*>(&found->second)) {
    if (!node.is_boolean()) return At(path, node.source(), absl::StrCat("key '", key, "' is not true or false"));
    config.*(*flag) = *node.value<bool>();
  } else if (const auto* texts = std::get_if<Texts DaemonConfig::*>(&found->second)) {
    ASSIGN_OR_RETURN(config.*(*texts), TextsOf(path, key, node));
  } else if (const auto* numbers = std::get_if<Numbers DaemonConfig::*>(&found->second)) {
    ASSIGN_OR_RETURN(config.*(*numbers), NumbersOf(path, key, node));
  } else {
    if (!node.is_integer()) return At(path, node.source(), absl::StrCat("key '", key, "' is not an integer"));
    config.*(std::get<int64_t DaemonConfig::*>(found->second)) = *node.value<int64_t>();
  }
  return absl::OkStatus();
}

absl::Status CheckRange(absl::string_view key, int64_t value, int64_t least, int64_t greatest) {
  if (value >= least && value <= greatest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(key, " is ", value, ", not in [", least, ", ", greatest, "]"));
}

absl::Status CheckLimits(const DaemonConfig& config) {
  constexpr int64_t kMaxMiB = int64_t{1} << 30;  // A million gigabytes.
  RETURN_IF_ERROR(CheckRange("prompt_request_mib", config.prompt_request_mib, 1, 1024));
  RETURN_IF_ERROR(CheckRange("record_request_mib", config.record_request_mib, 1, 1024));
  RETURN_IF_ERROR(CheckRange("request_memory_mib", config.request_memory_mib, 0, kMaxMiB));
  RETURN_IF_ERROR(CheckRange("client_request_memory_mib", config.client_request_memory_mib, 0, kMaxMiB));
  RETURN_IF_ERROR(CheckRange("answer_memory_mib", config.answer_memory_mib, 0, kMaxMiB));
  RETURN_IF_ERROR(CheckRange("client_answer_memory_mib", config.client_answer_memory_mib, 0, kMaxMiB));
  RETURN_IF_ERROR(CheckRange("session_limit", config.session_limit, 1, 1000000));
  RETURN_IF_ERROR(CheckRange("client_session_limit", config.client_session_limit, 1, 1000000));
  RETURN_IF_ERROR(CheckRange("session_memory_mib", config.session_memory_mib, 0, kMaxMiB));
  return CheckRange("client_session_memory_mib", config.client_session_memory_mib, 0, kMaxMiB);
}

// Below the directory that `variable` names, or else below `fallback` in the user's home, as the XDG specification
// says.
std::string UserPath(const char* variable, absl::string_view fallback, absl::string_view name) {
  if (const char* base = std::getenv(variable); base != nullptr && *base != '\0')
    return absl::StrCat(base, "/metronome", name);
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/", fallback, "/metronome", name);
}

// Checks the address of a server over HTTP; an empty one switches it off.
absl::Status ValidateHttpAddress(absl::string_view key, const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat(key, " is ", address.status().message()));
  if (address->is_unix()) return absl::InvalidArgumentError(absl::StrCat(key, " is a Unix socket, not host:port"));
  return absl::OkStatus();
}

}  // namespace

std::string DefaultDatabasePath() { return UserPath("XDG_DATA_HOME", ".local/share", "/metronome.db"); }

std::string DefaultSpoolDirectory() { return UserPath("XDG_STATE_HOME", ".local/state", ""); }

std::string DefaultPlanCacheDirectory() { return UserPath("XDG_CACHE_HOME", ".cache", "/plans"); }

std::string DefaultCalibrationDirectory() { return UserPath("XDG_CACHE_HOME", ".cache", "/calibration"); }

absl::Status ApplyConfigFile(const std::string& path, DaemonConfig& config) {
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path, kMaxTomlBytes));
  RETURN_IF_ERROR(CheckTomlKeys(text, path));
  try {
    const toml::table table = toml::parse(text, path);
    for (const auto& [key, node] : table) RETURN_IF_ERROR(Assign(path, std::string(key.str()), node, config));
  } catch (const toml::parse_error& parse_error) {  // The library's only way to say so.
    return At(path, parse_error.source(), std::string(parse_error.description()));
  }
  return absl::OkStatus();
}

BucketEdges EdgesOf(const DaemonConfig& config) {
  BucketEdges edges = BucketEdges::Default();
  if (!config.request_buckets.empty()) edges.request = config.request_buckets;
  if (!config.token_buckets.empty()) edges.token = config.token_buckets;
  return edges;
}

absl::Status ValidateConfig(const DaemonConfig& config) {
  RETURN_IF_ERROR(CheckRange("threads", config.threads, 0, 1024));
  RETURN_IF_ERROR(CheckRange("queue_limit", config.queue_limit, 1, 1000000));
  RETURN_IF_ERROR(CheckLimits(config));
  const BucketEdges edges = EdgesOf(config);
  RETURN_IF_ERROR(CheckBucketEdges("request_buckets", edges.request));
  RETURN_IF_ERROR(CheckBucketEdges("token_buckets", edges.token));
  RETURN_IF_ERROR(CheckRange("session_idle_seconds", config.session_idle_seconds, 1, 1000000));
  RETURN_IF_ERROR(CheckRange("drain_seconds", config.drain_seconds, 0, 3600));
  RETURN_IF_ERROR(CheckRange("max_compile_seconds", config.max_compile_seconds, 1, 1000000));
  RETURN_IF_ERROR(CheckRange("max_generation_seconds", config.max_generation_seconds, 1, 1000000));
  RETURN_IF_ERROR(CheckRange("max_benchmark_seconds", config.max_benchmark_seconds, 1, 1000000));
  if (config.log_format != "text" && config.log_format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("log_format is '", config.log_format, "', not text or json"));
  }
  if (config.log_level != "debug" && config.log_level != "info" && config.log_level != "warn" &&
      config.log_level != "error") {
    return absl::InvalidArgumentError(
        absl::StrCat("log_level is '", config.log_level, "', not debug, info, warn or error"));
  }
  if (config.backend != "auto" && config.backend != "cpu" && config.backend != "cuda") {
    return absl::InvalidArgumentError(absl::StrCat("backend is '", config.backend, "', not auto, cpu or cuda"));
  }
  if (config.tls_cert.empty() != config.tls_key.empty())
    return absl::InvalidArgumentError("tls_cert and tls_key need each other");
  if (!config.tls_client_ca.empty() && config.tls_cert.empty())
    return absl::InvalidArgumentError("tls_client_ca needs tls_cert and tls_key");
  if (const absl::Status listen = ParseListenAddress(config.listen).status(); !listen.ok())
    return absl::InvalidArgumentError(absl::StrCat("listen is ", listen.message()));
  RETURN_IF_ERROR(ValidateHttpAddress("metrics_listen", config.metrics_listen));
  return ValidateHttpAddress("web_listen", config.web_listen);
}

}  // namespace metronome::server
