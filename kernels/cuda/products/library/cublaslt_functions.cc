#include "kernels/cuda/products/library/cublaslt_functions.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"

namespace metronome::kernels::cuda {

absl::Status CublasLtFunctions::Check(cublasStatus_t status, absl::string_view call) const {
  if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(call, ": ", status_name(status)));
}

absl::StatusOr<CublasLtFunctions> LoadCublasLt(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const error = dlerror();
    return absl::NotFoundError(error == nullptr ? absl::StrCat("cannot load ", library) : error);
  }
  std::string missing;
  const auto find = [&]<typename Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) missing = name;
  };
  CublasLtFunctions functions;
  find("cublasLtGetVersion", functions.version);
  find("cublasLtGetStatusName", functions.status_name);
  find("cublasLtCreate", functions.create);
  find("cublasLtDestroy", functions.destroy);
  find("cublasLtMatmulDescCreate", functions.product_create);
  find("cublasLtMatmulDescDestroy", functions.product_destroy);
  find("cublasLtMatmulDescSetAttribute", functions.product_set);
  find("cublasLtMatrixLayoutCreate", functions.layout_create);
  find("cublasLtMatrixLayoutDestroy", functions.layout_destroy);
  find("cublasLtMatrixLayoutSetAttribute", functions.layout_set);
  find("cublasLtMatmulPreferenceCreate", functions.preference_create);
  find("cublasLtMatmulPreferenceDestroy", functions.preference_destroy);
  find("cublasLtMatmulPreferenceSetAttribute", functions.preference_set);
  find("cublasLtMatmulAlgoGetHeuristic", functions.heuristic);
  find("cublasLtMatmul", functions.matmul);
  if (missing.empty()) return functions;
  return absl::FailedPreconditionError(absl::StrCat(library, " has no ", missing));
}

}  // namespace metronome::kernels::cuda
