#ifndef METRONOME_SERVER_RPC_GRPC_STATUS_H_
#define METRONOME_SERVER_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"

namespace metronome {

// The one mapping: both sides use the same code numbers.
inline grpc::Status ToGrpcStatus(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// Why a call was cancelled: its deadline passed, or the client went away.
inline absl::Status CancellationStatus(std::chrono::system_clock::time_point deadline) {
  if (deadline <= std::chrono::system_clock::now()) return absl::DeadlineExceededError("the call's deadline passed");
  return absl::CancelledError("cancelled by the client");
}

}  // namespace metronome

#endif  // METRONOME_SERVER_RPC_GRPC_STATUS_H_
