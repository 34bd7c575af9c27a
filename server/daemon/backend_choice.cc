#include "server/daemon/backend_choice.h"

#include <utility>

#include "kernels/base/status_macros.h"
#include "kernels/interface/backend_loader.h"
#include "server/daemon/cpu_calibration.h"

namespace metronome::server {

absl::StatusOr<BackendChoice> ChooseBackend(const DaemonConfig& config) {
  absl::StatusOr<std::unique_ptr<kernels::Backend>> cuda =
      absl::FailedPreconditionError("this daemon was told to use the CPU");
  if (config.backend != "cpu") cuda = kernels::LoadBackend(kernels::LibraryCandidates("libmetronome_cuda.so"));
  if (cuda.ok()) {
    return BackendChoice{.backend = *std::move(cuda),
                         .other = "cpu",
                         .other_reason = "this daemon runs on cuda; one started with --backend cpu runs on the CPU"};
  }
  if (config.backend == "cuda") return cuda.status();
  BackendChoice choice = {.backend = nullptr, .other = "cuda", .other_reason = std::string(cuda.status().message())};
  ASSIGN_OR_RETURN(CalibratedCpu cpu, CreateCalibratedCpu(static_cast<int>(config.threads), config.calibration));
  choice.backend = std::move(cpu.backend);
  choice.calibration = std::move(cpu.calibration);
  return choice;
}

}  // namespace metronome::server
