#ifndef METRONOME_KERNELS_CUDA_DEVICE_MEMORY_H_
#define METRONOME_KERNELS_CUDA_DEVICE_MEMORY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"
#include "kernels/cuda/driver.h"

namespace metronome::cuda {

// Buffers as Backend describes them; the driver must outlive them. What they hand out is zero-filled, enqueued, but for
// the second.
absl::StatusOr<std::unique_ptr<Buffer>> AllocateDeviceMemory(Driver& driver, int64_t bytes);
absl::StatusOr<std::unique_ptr<Buffer>> AllocateUnfilledDeviceMemory(Driver& driver, int64_t bytes);
absl::StatusOr<std::unique_ptr<Buffer>> ReserveDeviceMemory(Driver& driver, int64_t bytes);
absl::StatusOr<std::unique_ptr<Buffer>> ReserveDeviceRing(Driver& driver, int64_t bytes, int64_t period_bytes);

// ResourceExhausted, with a MemoryShortage, where the device has less than so much free.
absl::Status CheckDeviceMemory(const Driver& driver, int64_t bytes);

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_MEMORY_H_
