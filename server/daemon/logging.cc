#include "server/daemon/logging.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "absl/strings/str_format.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::server {
namespace {

// %* of the pattern below: the message, escaped.
class JsonMessageFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string escaped = EscapeJson({message.payload.data(), message.payload.size()});
    out.append(escaped.data(), escaped.data() + escaped.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessageFlag>(); }
};

void LogOfProtobuf(google::protobuf::LogLevel level, const char*, int, const std::string& text) {
  // What it calls errors is said of requests that it cannot parse.
  spdlog::log(level == google::protobuf::LOGLEVEL_FATAL  ? spdlog::level::err
              : level == google::protobuf::LOGLEVEL_INFO ? spdlog::level::info
                                                         : spdlog::level::warn,
              "protobuf: {}", text);
}

void LogOfGrpc(gpr_log_func_args* args) {
  spdlog::log(args->severity == GPR_LOG_SEVERITY_ERROR  ? spdlog::level::err
              : args->severity == GPR_LOG_SEVERITY_INFO ? spdlog::level::info
                                                        : spdlog::level::debug,
              "grpc: {} ({}:{})", args->message, args->file, args->line);
}

}  // namespace

std::string EscapeJson(absl::string_view text) {
  std::string escaped;
  for (const char c : text::ToUtf8Lossy(text)) {
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      escaped += absl::StrFormat("\\u%04x", c);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void ConfigureLogging(const std::string& level, absl::string_view format) {
  const auto logger = std::make_shared<spdlog::logger>("metronomed", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (format == "json") {
    formatter->add_flag<JsonMessageFlag>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})");
  } else {
    formatter->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  }
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(logger);
  google::protobuf::SetLogHandler(LogOfProtobuf);
  gpr_set_log_function(LogOfGrpc);
}

}  // namespace metronome::server
