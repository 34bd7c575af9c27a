#ifndef METRONOME_KERNELS_CUDA_PROGRAM_FUSED_LAUNCHER_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_FUSED_LAUNCHER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/program/fused.h"
#include "kernels/program/fused_program.h"

namespace metronome::kernels::cuda {

// Runs programs by kernels made for them. Not thread-safe.
class FusedLauncher {
 public:
  virtual ~FusedLauncher() = default;

  virtual FusedPrograms& programs() = 0;
  // Enqueues the program's own kernel; `program` is of programs(). False where there is none, and the interpreter
  // serves.
  virtual absl::StatusOr<bool> Launch(const DeviceContext& context, const FusedProgram& program,
                                      const FusedArgs& args) = 0;
  // What makes kernels: "NVRTC 13.0", "no NVRTC". From any thread.
  virtual std::string description() const = 0;
  // Time spent on making kernels.
  virtual int64_t compile_ns() const = 0;
};

// The operands and code of a launch that has passed the catalogue's check.
absl::StatusOr<FusedArgs> PrepareFused(const FusedProgram& program, const KernelArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_FUSED_LAUNCHER_H_
