#include "kernels/cpu/host/host_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/host/host_memory.h"

namespace metronome::kernels::cpu {
namespace {

int64_t RoundUpToPages(int64_t bytes) { return (bytes + getpagesize() - 1) / getpagesize() * getpagesize(); }

class RingBuffer final : public Buffer {
 public:
  RingBuffer(void* data, int64_t size, int64_t period)
      : base_(static_cast<char*>(data)), size_(size), period_(period) {}
  ~RingBuffer() override { munmap(base_, static_cast<size_t>(size_)); }
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;

  void* data() const override { return base_; }
  int64_t size_bytes() const override { return size_; }
  int64_t committed_bytes() const override { return committed_; }

  absl::Status Commit(int64_t bytes) override {
    if (bytes > size_) return absl::OutOfRangeError(absl::StrCat("commit of ", bytes, " bytes in a ring of ", size_));
    const int64_t target = std::min(RoundUpToPages(bytes), period_);
    if (target > committed_) RETURN_IF_ERROR(CheckHostMemoryAvailable(target - committed_));
    while (mapped_ < bytes) RETURN_IF_ERROR(MapNextPeriod());
    committed_ = std::max(committed_, target);
    return absl::OkStatus();
  }

 private:
  absl::Status MapNextPeriod() {
    char* const next = base_ + mapped_;
    const int64_t length = std::min(period_, size_ - mapped_);
    // An old size of 0 maps the same pages once more.
    void* const mapped = mapped_ == 0
                             ? mmap(next, static_cast<size_t>(length), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
                             : mremap(base_, 0, static_cast<size_t>(length), MREMAP_MAYMOVE | MREMAP_FIXED, next);
    if (mapped == MAP_FAILED)
      return absl::ResourceExhaustedError(absl::StrCat("cannot map ", length, " bytes of a ring: ", strerror(errno)));
    // What lies two periods back is not likely to be read again; each mapping that was touched counts as resident.
    if (mapped_ >= 2 * period_) madvise(next - 2 * period_, static_cast<size_t>(period_), MADV_DONTNEED);
    mapped_ += length;
    return absl::OkStatus();
  }

  char* base_;
  int64_t size_;
  int64_t period_;
  int64_t mapped_ = 0;     // Of the addresses.
  int64_t committed_ = 0;  // Of the period.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Buffer>> ReserveHostRing(int64_t bytes, int64_t period_bytes) {
  constexpr int64_t kMost = int64_t{1} << 56;
  if (bytes < 1 || period_bytes < 1)
    return absl::InvalidArgumentError(absl::StrCat("cannot reserve a ring of ", bytes, " by ", period_bytes, " bytes"));
  if (bytes > kMost || period_bytes > kMost)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map a ring of ", bytes, " bytes"));
  const int64_t size = RoundUpToPages(bytes);
  void* const data =
      mmap(nullptr, static_cast<size_t>(size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map ", bytes, " bytes of host memory"));
  return std::make_unique<RingBuffer>(data, size, RoundUpToPages(period_bytes));
}

}  // namespace metronome::kernels::cpu
