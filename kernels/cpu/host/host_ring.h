#ifndef METRONOME_KERNELS_CPU_HOST_HOST_RING_H_
#define METRONOME_KERNELS_CPU_HOST_HOST_RING_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cpu {

// Backend::ReserveRing in pages of this machine: one period of shared anonymous memory, zero-filled, mapped as often as
// Commit asks for.
absl::StatusOr<std::unique_ptr<Buffer>> ReserveHostRing(int64_t bytes, int64_t period_bytes);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_HOST_HOST_RING_H_
