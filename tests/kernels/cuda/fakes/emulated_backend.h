#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_EMULATED_BACKEND_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_EMULATED_BACKEND_H_

#include <functional>
#include <memory>

#include "kernels/cuda/device/driver.h"
#include "kernels/cuda/emulation/multiprocessor.h"
#include "kernels/cuda/products/library/matmul_library.h"
#include "kernels/cuda/program/fused_launcher.h"
#include "kernels/interface/backend.h"

namespace metronome::testing {

class FakeDriver;

// The CUDA backend on the CPU: over a fake driver in host memory, with emulated launches. Rules that a kernel breaks,
// and a workspace that it does not leave zero, are Internal errors of its launch; an index outside its table is
// OutOfRange when the backend synchronizes, as on a device.
struct EmulatedDevice {
  kernels::cuda::emulation::Options emulation;
  int multiprocessors = 2;
  std::unique_ptr<kernels::cuda::MatmulLibrary> library;
  int64_t kept_bytes = int64_t{1} << 30;  // As CudaBackendOptions has it.
  // As CudaBackendOptions::fused; the driver it gets is a FakeDriver.
  std::function<std::unique_ptr<kernels::cuda::FusedLauncher>(kernels::cuda::Driver& driver)> fused;
  // Gets the driver before the backend does, which keeps it.
  std::function<void(FakeDriver& driver)> prepare;
};
std::unique_ptr<kernels::Backend> CreateEmulatedBackend(EmulatedDevice device);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_EMULATED_BACKEND_H_
