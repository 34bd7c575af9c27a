#ifndef METRONOME_KERNELS_CUDA_DEVICE_CUDA_BACKEND_H_
#define METRONOME_KERNELS_CUDA_DEVICE_CUDA_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/device/driver.h"
#include "kernels/cuda/products/library/matmul_library.h"
#include "kernels/cuda/program/fused_launcher.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cuda {

struct CudaBackendOptions {
  int64_t staging_bytes = int64_t{32} << 20;    // Of each of two pieces of pinned memory.
  int64_t workspace_bytes = int64_t{64} << 20;  // Where blocks of one launch meet.
  int64_t kept_bytes = int64_t{1} << 30;        // Memory of reserved buffers that is kept for later ones, at most.
  // For a library of products, if there is one; 0 where the device has less. As much as NVIDIA recommends for Hopper.
  int64_t library_workspace_bytes = int64_t{32} << 20;
  int64_t probe_bytes = int64_t{2} << 30;  // That MeasureReadBandwidth reads; far more than a cache holds.
  // Makes what compiles fused programs, over the backend's driver; without one they are interpreted.
  std::function<std::unique_ptr<FusedLauncher>(Driver& driver)> fused;
};

// The kernel table over a driver. An error that the device does not survive makes Health() say so; every later call
// gives the same error. An index outside its table is OutOfRange at Synchronize, naming it.
// ResourceExhausted when not even staging and workspace fit. `library` computes products that the search, or a launch,
// gives to it; without one our kernels compute them all, and Describe() says why.
absl::StatusOr<std::unique_ptr<Backend>> CreateCudaBackend(
    std::unique_ptr<Driver> driver, const CudaBackendOptions& options = {},
    absl::StatusOr<std::unique_ptr<MatmulLibrary>> library = absl::NotFoundError("no library of products"));

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_CUDA_BACKEND_H_
