#include "tests/kernels/cuda/fakes/driver_target.h"

#include "kernels/interface/backend_loader.h"

namespace metronome::testing {

// The CUDA device of this machine. A thousand repeats meet races that one would not; 2 MiB is what CUDA maps at least;
// the plugin keeps up to 1 GiB.
DriverTarget NewDriverTarget() {
  return {.backend = kernels::LoadBackend(kernels::LibraryCandidates("libmetronome_cuda.so")),
          .repeats = 1000,
          .granularity = int64_t{2} << 20,
          .kept_bytes = int64_t{1} << 30};
}

}  // namespace metronome::testing
