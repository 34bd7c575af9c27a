#ifndef METRONOME_SERVER_BENCHMARK_TEXT_LIMITS_H_
#define METRONOME_SERVER_BENCHMARK_TEXT_LIMITS_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"

namespace metronome::server {

// What is recorded is sent again, so that its texts are bounded: a result with all of them fits into one message.
inline constexpr size_t kMaxTextBytes = size_t{64} << 10;
inline constexpr size_t kMaxPromptBytes = size_t{1} << 20;

// InvalidArgument naming the first text that is longer than kMaxTextBytes, or kMaxPromptBytes of a field "prompt", in
// the message or in those it holds once. `prefix` is the path to the message: "spec.".
absl::Status CheckTextSizes(const google::protobuf::Message& message, const std::string& prefix = "");

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_TEXT_LIMITS_H_
