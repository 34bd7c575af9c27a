#include "kernels/cuda/device/device_heap.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/base/status_macros.h"

namespace metronome::kernels::cuda {
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

}  // namespace

// A range of addresses of which a prefix may be used: backed by memory of its own, or, of a ring, by one period of it,
// mapped as often as needed.
class DeviceHeap::MappedBuffer final : public Buffer {
 public:
  MappedBuffer(DeviceHeap& heap, std::unique_ptr<MappedRange> range, int64_t size, int64_t period)
      : heap_(heap), range_(std::move(range)), size_(size), period_(period) {}
  ~MappedBuffer() override {
    heap_.pool_.Keep(std::move(range_), period_);
    heap_.kept_bytes_ = heap_.pool_.physical_bytes();
  }
  void* data() const override { return range_->data(); }
  int64_t size_bytes() const override { return size_; }
  int64_t committed_bytes() const override { return period_ > 0 ? std::min(usable_, FirstPeriod()) : usable_; }

  absl::Status Commit(int64_t bytes) override {
    RETURN_IF_ERROR(CheckCommit(bytes, size_bytes()));
    if (bytes <= usable_) return absl::OkStatus();
    const int64_t end = RoundUp(bytes, heap_.driver_.granularity());
    RETURN_IF_ERROR(period_ > 0 ? MapRing(end) : MapTo(end));
    // Of a ring, what is usable holds all of its memory already.
    const int64_t filled = period_ > 0 && usable_ > 0 ? FirstPeriod() : usable_;
    const int64_t to_fill = period_ > 0 ? FirstPeriod() : end;
    if (to_fill > filled) RETURN_IF_ERROR(heap_.driver_.Zero(range_->data() + filled, to_fill - filled));
    usable_ = period_ > 0 ? std::max(end, FirstPeriod()) : end;
    return absl::OkStatus();
  }

 private:
  int64_t FirstPeriod() const { return std::min(period_, size_bytes()); }

  absl::Status MapTo(int64_t end) {
    const int64_t more = end - range_->mapped_bytes();
    if (more <= 0) return absl::OkStatus();
    RETURN_IF_ERROR(heap_.MakeRoom(more));
    return range_->MapNew(more);
  }
  absl::Status MapRing(int64_t end) {
    RETURN_IF_ERROR(MapTo(FirstPeriod()));
    while (range_->mapped_bytes() < end) RETURN_IF_ERROR(range_->MapFirstAgain());
    return absl::OkStatus();
  }

  DeviceHeap& heap_;
  std::unique_ptr<MappedRange> range_;
  int64_t size_;        // Of the addresses that may be used.
  int64_t period_;      // 0 = no ring.
  int64_t usable_ = 0;  // Of the addresses; as much at least is mapped.
};

absl::Status DeviceHeap::MakeRoom(int64_t bytes) {
  ASSIGN_OR_RETURN(DeviceMemory memory, driver_.Memory());
  if (bytes > memory.free_bytes && kept_bytes_ > 0) {
    pool_.GiveBackMemory();
    kept_bytes_ = 0;
    ASSIGN_OR_RETURN(memory, driver_.Memory());
  }
  if (bytes <= memory.free_bytes) return absl::OkStatus();
  return MemoryShortageError("device memory", {.bytes_needed = bytes, .bytes_available = memory.free_bytes});
}

int64_t DeviceHeap::AvailableBytes() const {
  const absl::StatusOr<DeviceMemory> memory = driver_.Memory();
  return memory.ok() ? memory->free_bytes + kept_bytes_ : 0;
}

absl::StatusOr<std::unique_ptr<Buffer>> DeviceHeap::AllocateUnfilled(int64_t bytes) {
  RETURN_IF_ERROR(CheckSize(bytes, 0));
  if (bytes == 0) return std::make_unique<AllocatedBuffer>(driver_, nullptr, 0);
  RETURN_IF_ERROR(MakeRoom(bytes));
  ASSIGN_OR_RETURN(void* const data, driver_.Allocate(bytes));
  return std::make_unique<AllocatedBuffer>(driver_, data, bytes);
}

absl::StatusOr<std::unique_ptr<Buffer>> DeviceHeap::Allocate(int64_t bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer, AllocateUnfilled(bytes));
  if (bytes > 0) RETURN_IF_ERROR(driver_.Zero(buffer->data(), bytes));
  return buffer;
}

absl::StatusOr<std::unique_ptr<MappedRange>> DeviceHeap::TakeRange(int64_t bytes, int64_t period_bytes) {
  std::unique_ptr<MappedRange> kept = pool_.Take(bytes, period_bytes);
  kept_bytes_ = pool_.physical_bytes();
  if (kept != nullptr) return kept;
  return MappedRange::Reserve(driver_, bytes);
}

absl::StatusOr<std::unique_ptr<Buffer>> DeviceHeap::Reserve(int64_t bytes) {
  RETURN_IF_ERROR(CheckSize(bytes, 0));
  if (bytes == 0) return std::make_unique<AllocatedBuffer>(driver_, nullptr, 0);
  const int64_t size = RoundUp(bytes, driver_.granularity());
  ASSIGN_OR_RETURN(std::unique_ptr<MappedRange> range, TakeRange(size, 0));
  return std::make_unique<MappedBuffer>(*this, std::move(range), size, 0);
}

absl::StatusOr<std::unique_ptr<Buffer>> DeviceHeap::ReserveRing(int64_t bytes, int64_t period_bytes) {
  RETURN_IF_ERROR(CheckSize(bytes, 1));
  RETURN_IF_ERROR(CheckSize(period_bytes, 1));
  const int64_t size = RoundUp(bytes, driver_.granularity()), period = RoundUp(period_bytes, driver_.granularity());
  // CUDA maps memory whole, so the last period needs addresses for all of it.
  const int64_t addresses = size <= period ? size : RoundUp(size, period);
  ASSIGN_OR_RETURN(std::unique_ptr<MappedRange> range, TakeRange(addresses, period));
  return std::make_unique<MappedBuffer>(*this, std::move(range), size, period);
}

}  // namespace metronome::kernels::cuda
