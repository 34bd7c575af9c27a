#ifndef METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_NVRTC_COMPILER_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_NVRTC_COMPILER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/cuda/program/nvrtc/cubin_compiler.h"

namespace metronome::kernels::cuda {

// NVRTC 13, from the loader's path or from a toolkit ($CUDA_HOME, $CUDA_PATH, /usr/local/cuda). It needs no device.
// Sources may include what NvrtcHeaders() has. FailedPrecondition where there is no library, or none that knows the
// architecture ("sm_90"), naming it.
absl::StatusOr<std::unique_ptr<CubinCompiler>> LoadNvrtc(absl::string_view architecture);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_NVRTC_COMPILER_H_
