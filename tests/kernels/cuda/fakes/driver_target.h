#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_DRIVER_TARGET_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_DRIVER_TARGET_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"

namespace metronome::testing {

// What driver_hardware_test.cc runs on: a CUDA device, or, so that the tests themselves are tested, an emulated one.
struct DriverTarget {
  absl::StatusOr<std::unique_ptr<kernels::Backend>> backend;  // Why there is none, where the tests are skipped.
  int repeats = 1;                                            // Of a launch whose results must not change.
  int64_t granularity = 0;                                    // Of mapped memory.
  int64_t kept_bytes = 0;                                     // More than the backend keeps of buffers that are gone.
};

// Each test program that links the suite defines it.
DriverTarget NewDriverTarget();

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_DRIVER_TARGET_H_
