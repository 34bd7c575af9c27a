#ifndef METRONOME_KERNELS_CPU_HOST_HOST_MEMORY_H_
#define METRONOME_KERNELS_CPU_HOST_HOST_MEMORY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cpu {

// Anonymous pages, zero-filled, given back on destruction. A reserved range takes memory as Commit grows it.
// InvalidArgument (bytes < 0), ResourceExhausted.
absl::StatusOr<std::unique_ptr<Buffer>> AllocateHostMemory(int64_t bytes);
absl::StatusOr<std::unique_ptr<Buffer>> ReserveHostMemory(int64_t bytes);

// ResourceExhausted, with a MemoryShortage, where so much more could not be allocated. Linux promises more memory than
// it has and ends processes that believe it, so every promise is checked.
absl::Status CheckHostMemoryAvailable(int64_t bytes);

// Physical memory of this machine, or of this process's cgroup where that is less.
int64_t HostMemoryTotalBytes();
// What could still be allocated without swapping, within the cgroup's limit.
int64_t HostMemoryAvailableBytes();

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_HOST_HOST_MEMORY_H_
