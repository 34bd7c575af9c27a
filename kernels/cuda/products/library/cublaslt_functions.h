#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_FUNCTIONS_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_FUNCTIONS_H_

#include <cublasLt.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::kernels::cuda {

// What we call of cuBLASLt. Its interface is the same in the versions 12 and 13 as far as these go.
// Source: the toolkit's cublasLt.h.
struct CublasLtFunctions {
  decltype(&cublasLtGetVersion) version = nullptr;
  decltype(&cublasLtGetStatusName) status_name = nullptr;
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmulDescCreate) product_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) product_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) product_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;

  // Internal, naming the call and what cuBLASLt says.
  absl::Status Check(cublasStatus_t status, absl::string_view call) const;
};

// Stays loaded to the process's end. NotFound: the loader's reason; FailedPrecondition: it lacks a function, which is
// named.
absl::StatusOr<CublasLtFunctions> LoadCublasLt(const std::string& library);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_FUNCTIONS_H_
