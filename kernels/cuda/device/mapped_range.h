#ifndef METRONOME_KERNELS_CUDA_DEVICE_MAPPED_RANGE_H_
#define METRONOME_KERNELS_CUDA_DEVICE_MAPPED_RANGE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/device/driver.h"

namespace metronome::kernels::cuda {

// A range of device addresses of which a prefix is backed by memory. Sizes are multiples of the driver's granularity.
// The driver must outlive it.
class MappedRange {
 public:
  static absl::StatusOr<std::unique_ptr<MappedRange>> Reserve(Driver& driver, int64_t bytes);
  ~MappedRange();
  MappedRange(const MappedRange&) = delete;
  MappedRange& operator=(const MappedRange&) = delete;

  char* data() const { return base_; }
  int64_t size_bytes() const { return size_; }
  int64_t mapped_bytes() const { return mapped_; }      // Of addresses.
  int64_t physical_bytes() const { return physical_; }  // Of memory.

  // Backs the next `bytes` of addresses with new memory. ResourceExhausted.
  absl::Status MapNew(int64_t bytes);
  // Backs the next addresses with the memory that MapNew took first, all of it.
  absl::Status MapFirstAgain();
  // Gives the memory back and keeps the addresses. Waits for the device.
  void Unmap();

 private:
  MappedRange(Driver& driver, char* base, int64_t size) : driver_(driver), base_(base), size_(size) {}
  absl::Status MapNext(int64_t bytes, Driver::PhysicalMemory memory);

  Driver& driver_;
  char* base_;
  int64_t size_;
  int64_t mapped_ = 0, physical_ = 0;
  std::vector<Driver::PhysicalMemory> memory_;
  std::vector<int64_t> mappings_;  // Bytes of each, in the order of addresses: each is unmapped as it was mapped.
};

// Ranges that nobody uses, to be used again: a new cache then lies where an old one did, so that what was recorded for
// that one serves it, and neither addresses nor memory need be asked of the driver.
class RangePool {
 public:
  explicit RangePool(int64_t most_physical_bytes) : most_physical_bytes_(most_physical_bytes) {}

  // The kept range of this size and kind with the lowest addresses; nullptr without one. What its mapped prefix holds
  // is undefined. A ring is of the period given; 0 is no ring.
  std::unique_ptr<MappedRange> Take(int64_t bytes, int64_t period_bytes);
  // Keeps the range, and its memory if there is room for it.
  void Keep(std::unique_ptr<MappedRange> range, int64_t period_bytes);
  // Gives all memory back; addresses stay kept.
  void GiveBackMemory();

  int64_t physical_bytes() const;

 private:
  struct Kept {
    std::unique_ptr<MappedRange> range;
    int64_t period_bytes = 0;
  };

  int64_t most_physical_bytes_;
  std::list<Kept> kept_;  // Longest kept first.
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_MAPPED_RANGE_H_
