#ifndef METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_HEADERS_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_HEADERS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::kernels::cuda {

struct NvrtcHeader {
  const char* name;  // As it is included.
  const char* text;
};

// The files that fused_columns.cuh includes, as they were when this was built. All outlive the program.
absl::Span<const NvrtcHeader> NvrtcHeaders();

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_HEADERS_H_
