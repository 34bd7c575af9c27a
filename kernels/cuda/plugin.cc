#include <utility>

#include "kernels/backend_plugin.h"
#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/cuda_backend.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> Create() {
  ASSIGN_OR_RETURN(std::unique_ptr<cuda::Driver> driver, cuda::CreateCudaDriver());
  return cuda::CreateCudaBackend(std::move(driver), {}, cuda::OpenCublasLt(cuda::CublasLtCandidates()));
}

}  // namespace
}  // namespace metronome

extern "C" __attribute__((visibility("default"))) const metronome::BackendPlugin* MetronomeBackendPlugin() {
  static constexpr metronome::BackendPlugin kPlugin = {.interface = METRONOME_BACKEND_INTERFACE,
                                                       .create = metronome::Create};
  return &kPlugin;
}
