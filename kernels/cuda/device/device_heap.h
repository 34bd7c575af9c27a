#ifndef METRONOME_KERNELS_CUDA_DEVICE_DEVICE_HEAP_H_
#define METRONOME_KERNELS_CUDA_DEVICE_DEVICE_HEAP_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/device/driver.h"
#include "kernels/cuda/device/mapped_range.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cuda {

// Buffers as Backend describes them. What they hand out is zero-filled, enqueued, unless said otherwise. The heap and
// the driver must outlive them. Not thread-safe, except for AvailableBytes.
//
// The memory of reserved buffers that are gone is kept, up to a limit, for the next of the same size (RangePool). It
// counts as available, and goes back to the device when something else needs it.
class DeviceHeap {
 public:
  DeviceHeap(Driver& driver, int64_t most_kept_bytes) : driver_(driver), pool_(most_kept_bytes) {}

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(int64_t bytes);
  absl::StatusOr<std::unique_ptr<Buffer>> AllocateUnfilled(int64_t bytes);
  absl::StatusOr<std::unique_ptr<Buffer>> Reserve(int64_t bytes);
  absl::StatusOr<std::unique_ptr<Buffer>> ReserveRing(int64_t bytes, int64_t period_bytes);

  int64_t AvailableBytes() const;

 private:
  class MappedBuffer;

  // ResourceExhausted, with a MemoryShortage, where the device has less than so much free, and kept memory does not
  // help.
  absl::Status MakeRoom(int64_t bytes);
  absl::StatusOr<std::unique_ptr<MappedRange>> TakeRange(int64_t bytes, int64_t period_bytes);

  Driver& driver_;
  RangePool pool_;
  std::atomic<int64_t> kept_bytes_ = 0;  // Of pool_.
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_DEVICE_HEAP_H_
