#include <memory>

#include "tests/kernels/cuda/fakes/driver_target.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"
#include "tests/kernels/cuda/fakes/fake_matmul_library.h"

namespace metronome::testing {

DriverTarget NewDriverTarget() {
  constexpr int64_t kKeptBytes = 16 * FakeDriver::kGranularity;
  return {
      .backend = CreateEmulatedBackend({.library = std::make_unique<FakeMatmulLibrary>(), .kept_bytes = kKeptBytes}),
      .repeats = 3,
      .granularity = FakeDriver::kGranularity,
      .kept_bytes = kKeptBytes};
}

}  // namespace metronome::testing
