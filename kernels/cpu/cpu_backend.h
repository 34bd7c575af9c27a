#ifndef METRONOME_KERNELS_CPU_CPU_BACKEND_H_
#define METRONOME_KERNELS_CPU_CPU_BACKEND_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"

namespace metronome {

enum class CpuKernels {
  kOptimised,  // The best the processor runs: AVX-512 (BF16, AMX), AVX2, else portable C++.
  kReference,  // Plain loops in float32 or better: the oracle.
};

struct CpuBackendOptions {
  int threads = 0;  // Kernel threads; 0 = one per CPU this process may run on. Range [0, 1024].
  CpuKernels kernels = CpuKernels::kOptimised;
};

// InvalidArgument when an option is out of range.
absl::StatusOr<std::unique_ptr<Backend>> CreateCpuBackend(const CpuBackendOptions& options);

}  // namespace metronome

#endif  // METRONOME_KERNELS_CPU_CPU_BACKEND_H_
