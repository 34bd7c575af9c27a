#include "kernels/cpu/host/host_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/host/cgroup_memory.h"

namespace metronome::kernels::cpu {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

int64_t RoundUp(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

int64_t ReadMeminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    int64_t kibibytes = 0;
    std::istringstream(line.substr(key.size())) >> kibibytes;
    return kibibytes * 1024;
  }
  return kUnlimitedBytes;
}

class MappedBuffer final : public Buffer {
 public:
  MappedBuffer(void* data, int64_t size, int64_t committed) : data_(data), size_(size), committed_(committed) {}
  ~MappedBuffer() override {
    if (size_ > 0) munmap(data_, static_cast<size_t>(size_));
  }
  MappedBuffer(const MappedBuffer&) = delete;
  MappedBuffer& operator=(const MappedBuffer&) = delete;

  void* data() const override { return data_; }
  int64_t size_bytes() const override { return size_; }
  int64_t committed_bytes() const override { return committed_; }

  absl::Status Commit(int64_t bytes) override {
    if (bytes > size_) return absl::OutOfRangeError(absl::StrCat("commit of ", bytes, " bytes in a buffer of ", size_));
    if (bytes <= committed_) return absl::OkStatus();
    // Large pages are backed whole.
    const int64_t target = std::min(RoundUp(bytes, bytes > kHugePage ? kHugePage : getpagesize()), size_);
    RETURN_IF_ERROR(CheckHostMemoryAvailable(target - committed_));
    auto* const base = static_cast<char*>(data_);
    if (mprotect(base + committed_, static_cast<size_t>(target - committed_), PROT_READ | PROT_WRITE) != 0) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot back ", target - committed_, " more bytes of host memory"));
    }
    committed_ = target;
    return absl::OkStatus();
  }

 private:
  void* data_;
  int64_t size_;
  int64_t committed_;
};

// Addresses of `size` bytes, which begin at a large page where they are as many: older kernels do not see to that.
void* MapAligned(int64_t size, int protection) {
  const int64_t spare = size >= kHugePage ? kHugePage : 0;
  void* const mapped =
      mmap(nullptr, static_cast<size_t>(size + spare), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED || spare == 0) return mapped;
  const auto address = static_cast<int64_t>(reinterpret_cast<uintptr_t>(mapped));
  auto* const first = static_cast<char*>(mapped);
  const int64_t before = RoundUp(address, kHugePage) - address, after = spare - before;
  if (before > 0) munmap(first, static_cast<size_t>(before));
  if (after > 0) munmap(first + before + size, static_cast<size_t>(after));
  return first + before;
}

absl::StatusOr<std::unique_ptr<Buffer>> Map(int64_t bytes, bool committed) {
  if (bytes < 0) return absl::InvalidArgumentError(absl::StrCat("cannot allocate ", bytes, " bytes"));
  if (bytes == 0) return std::make_unique<MappedBuffer>(nullptr, 0, 0);
  if (bytes > kUnlimitedBytes - 2 * kHugePage)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map ", bytes, " bytes"));
  const int64_t size = RoundUp(bytes, bytes >= kHugePage ? kHugePage : getpagesize());
  if (committed) RETURN_IF_ERROR(CheckHostMemoryAvailable(bytes));
  const int protection = committed ? PROT_READ | PROT_WRITE : PROT_NONE;
  void* const data = MapAligned(size, protection);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map ", bytes, " bytes of host memory"));
  // Gigabytes of weights in 4 KiB pages would spend a decode step on TLB misses, and so would a long cache. One that is
  // reserved may stay short, and a large page is cleared whole: the first is made of small ones.
  const int64_t small = committed ? 0 : kHugePage;
  if (size >= kHugePage && size > small)
    madvise(static_cast<char*>(data) + small, static_cast<size_t>(size - small), MADV_HUGEPAGE);
  return std::make_unique<MappedBuffer>(data, size, committed ? size : 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Buffer>> AllocateHostMemory(int64_t bytes) { return Map(bytes, /*committed=*/true); }

absl::StatusOr<std::unique_ptr<Buffer>> ReserveHostMemory(int64_t bytes) { return Map(bytes, /*committed=*/false); }

absl::Status CheckHostMemoryAvailable(int64_t bytes) {
  const int64_t available = HostMemoryAvailableBytes();
  if (bytes <= available) return absl::OkStatus();
  return MemoryShortageError("host memory", {.bytes_needed = bytes, .bytes_available = available});
}

int64_t HostMemoryTotalBytes() { return std::min(ReadMeminfo("MemTotal:"), ReadCgroupMemory().limit); }

int64_t HostMemoryAvailableBytes() { return std::min(ReadMeminfo("MemAvailable:"), ReadCgroupMemory().available); }

}  // namespace metronome::kernels::cpu
