#ifndef METRONOME_KERNELS_CPU_CPU_BACKEND_H_
#define METRONOME_KERNELS_CPU_CPU_BACKEND_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "kernels/cpu/calibration/cpu_tuning.h"
#include "kernels/cpu/host/cpu_features.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels {

enum class CpuKernels {
  kOptimised,  // The best the processor runs.
  kReference,  // Plain loops accumulating in double: the oracle.
};

struct CpuBackendOptions {
  int threads = 0;  // Kernel threads; 0 = one per CPU this process may run on. Range [0, 1024].
  CpuKernels kernels = CpuKernels::kOptimised;
  std::optional<cpu::InstructionSet> instruction_set;  // Cap for tests; unset = DetectInstructionSet().
  cpu::CpuTuning tuning;  // What CalibrateCpu found; empty = the kernels' own choices, the same on every machine.
};

// InvalidArgument when an option is out of range, FailedPrecondition for instructions that the processor lacks.
absl::StatusOr<std::unique_ptr<Backend>> CreateCpuBackend(const CpuBackendOptions& options);

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CPU_CPU_BACKEND_H_
