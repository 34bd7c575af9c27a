#ifndef METRONOME_SERVER_RPC_GRPC_STATUS_H_
#define METRONOME_SERVER_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// Bytes of a status text that are sent at most. It travels in HTTP/2 trailers, where some 8 kB are an error of the
// whole connection, and with it of every other call on it.
inline constexpr size_t kMaxStatusTextBytes = 1024;

// `text` as UTF-8, with U+FFFD for what is not; one longer than `limit` bytes ends in an ellipsis.
std::string BoundedText(absl::string_view text, size_t limit);

// The one mapping: both sides use the same code numbers. A longer text than kMaxStatusTextBytes ends in an ellipsis;
// what is not UTF-8 in it becomes U+FFFD.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Why a call was cancelled: its deadline passed, or the client went away.
absl::Status CancellationStatus(std::chrono::system_clock::time_point deadline);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_GRPC_STATUS_H_
