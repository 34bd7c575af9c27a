#include "kernels/cuda/device_memory.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/memory_shortage.h"
#include "runtime/base/status_macros.h"

namespace metronome::cuda {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 46;  // Of one buffer; half of what device addresses reach.

int64_t RoundUp(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

absl::Status CheckSize(int64_t bytes, int64_t least) {
  if (bytes < least) return absl::InvalidArgumentError(absl::StrCat("cannot allocate ", bytes, " bytes"));
  if (bytes > kMostBytes) return absl::ResourceExhaustedError(absl::StrCat("cannot map ", bytes, " bytes"));
  return absl::OkStatus();
}

absl::Status CheckCommit(int64_t bytes, int64_t size) {
  if (bytes <= size) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("commit of ", bytes, " bytes in a buffer of ", size));
}

class AllocatedBuffer final : public Buffer {
 public:
  AllocatedBuffer(Driver& driver, void* data, int64_t size) : driver_(driver), data_(data), size_(size) {}
  ~AllocatedBuffer() override {
    if (data_ != nullptr) driver_.Free(data_);
  }
  void* data() const override { return data_; }
  int64_t size_bytes() const override { return size_; }
  int64_t committed_bytes() const override { return size_; }
  absl::Status Commit(int64_t bytes) override { return CheckCommit(bytes, size_); }

 private:
  Driver& driver_;
  void* data_;
  int64_t size_;
};

// A range of addresses, of which a prefix is backed.
class MappedBuffer : public Buffer {
 public:
  MappedBuffer(Driver& driver, void* addresses, int64_t size)
      : driver_(driver), base_(static_cast<char*>(addresses)), size_(size) {}
  ~MappedBuffer() override {
    if (mapped_ > 0) driver_.Unmap(base_, mapped_);
    for (const Driver::PhysicalMemory memory : memory_) driver_.ReleasePhysical(memory);
    if (size_ > 0) driver_.FreeAddresses(base_, size_);
  }
  void* data() const override { return base_; }
  int64_t size_bytes() const override { return size_; }
  int64_t committed_bytes() const override { return committed_; }

 protected:
  // New memory, not yet mapped, kept until the end.
  absl::StatusOr<Driver::PhysicalMemory> TakeMemory(int64_t bytes) {
    RETURN_IF_ERROR(CheckDeviceMemory(driver_, bytes));
    ASSIGN_OR_RETURN(const Driver::PhysicalMemory memory, driver_.CreatePhysical(bytes));
    memory_.push_back(memory);
    committed_ += bytes;
    return memory;
  }
  absl::Status MapNext(int64_t bytes, Driver::PhysicalMemory memory) {
    RETURN_IF_ERROR(driver_.Map(base_ + mapped_, bytes, memory));
    mapped_ += bytes;
    return absl::OkStatus();
  }
  int64_t mapped() const { return mapped_; }

  Driver& driver_;
  char* base_;
  int64_t size_;

 private:
  int64_t mapped_ = 0;     // Of the addresses.
  int64_t committed_ = 0;  // Of memory.
  std::vector<Driver::PhysicalMemory> memory_;
};

class GrowingBuffer final : public MappedBuffer {
 public:
  using MappedBuffer::MappedBuffer;

  absl::Status Commit(int64_t bytes) override {
    RETURN_IF_ERROR(CheckCommit(bytes, size_));
    if (bytes <= mapped()) return absl::OkStatus();
    const int64_t from = mapped(), more = RoundUp(bytes - from, driver_.granularity());
    ASSIGN_OR_RETURN(const Driver::PhysicalMemory memory, TakeMemory(more));
    RETURN_IF_ERROR(MapNext(more, memory));
    return driver_.Zero(base_ + from, more);
  }
};

// One period of memory, mapped as often as needed.
class RingBuffer final : public MappedBuffer {
 public:
  RingBuffer(Driver& driver, void* addresses, int64_t size, int64_t period)
      : MappedBuffer(driver, addresses, size), period_(period) {}

  absl::Status Commit(int64_t bytes) override {
    RETURN_IF_ERROR(CheckCommit(bytes, size_));
    if (bytes > 0 && memory_ == 0) {
      ASSIGN_OR_RETURN(memory_, TakeMemory(std::min(period_, size_)));
    }
    while (mapped() < bytes) {
      const int64_t length = std::min(period_, size_ - mapped());
      const bool first = mapped() == 0;
      RETURN_IF_ERROR(MapNext(length, memory_));
      if (first) RETURN_IF_ERROR(driver_.Zero(base_, length));
    }
    return absl::OkStatus();
  }

 private:
  int64_t period_;
  Driver::PhysicalMemory memory_ = 0;
};

}  // namespace

absl::Status CheckDeviceMemory(const Driver& driver, int64_t bytes) {
  ASSIGN_OR_RETURN(const DeviceMemory memory, driver.Memory());
  if (bytes <= memory.free_bytes) return absl::OkStatus();
  return MemoryShortageError("device memory", {.bytes_needed = bytes, .bytes_available = memory.free_bytes});
}

absl::StatusOr<std::unique_ptr<Buffer>> AllocateUnfilledDeviceMemory(Driver& driver, int64_t bytes) {
  RETURN_IF_ERROR(CheckSize(bytes, 0));
  if (bytes == 0) return std::make_unique<AllocatedBuffer>(driver, nullptr, 0);
  RETURN_IF_ERROR(CheckDeviceMemory(driver, bytes));
  ASSIGN_OR_RETURN(void* const data, driver.Allocate(bytes));
  return std::make_unique<AllocatedBuffer>(driver, data, bytes);
}

absl::StatusOr<std::unique_ptr<Buffer>> AllocateDeviceMemory(Driver& driver, int64_t bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer, AllocateUnfilledDeviceMemory(driver, bytes));
  if (bytes > 0) RETURN_IF_ERROR(driver.Zero(buffer->data(), bytes));
  return buffer;
}

absl::StatusOr<std::unique_ptr<Buffer>> ReserveDeviceMemory(Driver& driver, int64_t bytes) {
  RETURN_IF_ERROR(CheckSize(bytes, 0));
  if (bytes == 0) return std::make_unique<GrowingBuffer>(driver, nullptr, 0);
  const int64_t size = RoundUp(bytes, driver.granularity());
  ASSIGN_OR_RETURN(void* const addresses, driver.ReserveAddresses(size));
  return std::make_unique<GrowingBuffer>(driver, addresses, size);
}

absl::StatusOr<std::unique_ptr<Buffer>> ReserveDeviceRing(Driver& driver, int64_t bytes, int64_t period_bytes) {
  RETURN_IF_ERROR(CheckSize(bytes, 1));
  RETURN_IF_ERROR(CheckSize(period_bytes, 1));
  const int64_t size = RoundUp(bytes, driver.granularity());
  ASSIGN_OR_RETURN(void* const addresses, driver.ReserveAddresses(size));
  return std::make_unique<RingBuffer>(driver, addresses, size, RoundUp(period_bytes, driver.granularity()));
}

}  // namespace metronome::cuda
