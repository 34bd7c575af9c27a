#ifndef METRONOME_KERNELS_CUDA_FUSED_LAUNCHER_H_
#define METRONOME_KERNELS_CUDA_FUSED_LAUNCHER_H_

#include "absl/status/statusor.h"
#include "kernels/cuda/device_context.h"
#include "kernels/cuda/fused.h"
#include "kernels/fused_program.h"

namespace metronome::cuda {

// Runs programs by kernels made for them. Not thread-safe.
class FusedLauncher {
 public:
  virtual ~FusedLauncher() = default;

  virtual FusedPrograms& programs() = 0;
  // Enqueues the program's own kernel; `program` is of programs(). False where there is none, and the interpreter
  // serves.
  virtual absl::StatusOr<bool> Launch(const DeviceContext& context, const FusedProgram& program,
                                      const FusedArgs& args) = 0;
};

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_FUSED_LAUNCHER_H_
