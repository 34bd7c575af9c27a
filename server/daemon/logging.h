#ifndef METRONOME_SERVER_DAEMON_LOGGING_H_
#define METRONOME_SERVER_DAEMON_LOGGING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace metronome::server {

// Sends spdlog's default logger, and through it what gRPC and protobuf log, to stderr. `level`: "debug", "info", "warn"
// or "error". `format`: "text", or "json" for one object a line with time (RFC 3339), level and message.
void ConfigureLogging(const std::string& level, absl::string_view format);

// What may stand between the quotes of a JSON string: quotes, backslashes and control characters escaped, bytes that
// are not UTF-8 replaced.
std::string EscapeJson(absl::string_view text);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_LOGGING_H_
