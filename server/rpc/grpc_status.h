#ifndef METRONOME_SERVER_RPC_GRPC_STATUS_H_
#define METRONOME_SERVER_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace metronome {

// The one mapping: both sides use the same code numbers.
inline grpc::Status ToGrpcStatus(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace metronome

#endif  // METRONOME_SERVER_RPC_GRPC_STATUS_H_
