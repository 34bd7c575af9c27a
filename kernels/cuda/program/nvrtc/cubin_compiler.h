#ifndef METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_CUBIN_COMPILER_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_CUBIN_COMPILER_H_

#include <string>

#include "absl/status/statusor.h"

namespace metronome::kernels::cuda {

// Makes code for one kind of device. Not thread-safe.
class CubinCompiler {
 public:
  virtual ~CubinCompiler() = default;

  // "NVRTC 13.0".
  virtual const std::string& version() const = 0;
  // All that its results depend on beside the source: version, device, options, headers.
  virtual const std::string& key() const = 0;

  struct Result {
    std::string cubin;
    std::string log;  // Warnings.
  };
  // InvalidArgument with the compiler's log for a source that does not compile; Internal.
  virtual absl::StatusOr<Result> Compile(const std::string& source) = 0;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_CUBIN_COMPILER_H_
