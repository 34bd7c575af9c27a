#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/cuda/products/library/matmul_library.h"

namespace metronome::kernels::cuda {

// cuBLASLt on the current device, from the first of these files that can be loaded. Nothing links it. Its split sums
// meet in float32 in the workspace, never in the output or its type: one rounding, in a fixed order.
//
// FailedPrecondition: why there is none, or why the one there is does not work.
absl::StatusOr<std::unique_ptr<MatmulLibrary>> OpenCublasLt(absl::Span<const std::string> candidates);

// The places where it usually is; version 13 before 12.
std::vector<std::string> CublasLtCandidates();

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_H_
