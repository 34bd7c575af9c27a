#ifndef METRONOME_KERNELS_CUDA_DEVICE_STAGING_H_
#define METRONOME_KERNELS_CUDA_DEVICE_STAGING_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/base/thread_pool.h"
#include "kernels/cuda/device/driver.h"

namespace metronome::kernels::cuda {

// Copies between ordinary host memory and the device through two pieces of pinned memory, so that the host fills one
// while the device reads the other. Several threads fill it: one alone copies slower than the bus, and waits for the
// disk where the memory is a mapped file. Not thread-safe; the driver must outlive it.
class Staging {
 public:
  // ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<Staging>> Create(Driver& driver, int64_t piece_bytes);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  absl::Status ToDevice(void* device, const void* host, int64_t bytes);  // Enqueued; `host` is free on return.
  absl::Status ToHost(void* host, const void* device, int64_t bytes);    // Done on return.

 private:
  struct Piece {
    std::byte* memory = nullptr;
    Driver::Event last_use = nullptr;
  };

  Staging(Driver& driver, int64_t piece_bytes);
  void CopyOnHost(void* to, const void* from, int64_t bytes);

  Driver& driver_;
  int64_t piece_bytes_;
  std::array<Piece, 2> pieces_;
  size_t next_ = 0;
  ThreadPool threads_;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_STAGING_H_
