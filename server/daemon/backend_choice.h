#ifndef METRONOME_SERVER_DAEMON_BACKEND_CHOICE_H_
#define METRONOME_SERVER_DAEMON_BACKEND_CHOICE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"
#include "server/daemon/config.h"

namespace metronome::server {

struct BackendChoice {
  std::unique_ptr<kernels::Backend> backend;
  std::string other;         // The one that was not taken: "cpu" or "cuda".
  std::string other_reason;  // Why not.
  std::string calibration;   // Of the CPU, as CalibratedCpu has it; empty for others.
};

// What DaemonConfig::backend asks for: "auto" is CUDA where it works, else the CPU. Errors of the one that was named.
absl::StatusOr<BackendChoice> ChooseBackend(const DaemonConfig& config);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_BACKEND_CHOICE_H_
