#include "tests/kernels/cuda/fakes/fake_virtual_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <iterator>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::testing {
namespace {

template <typename... Words>
absl::Status Broken(const char* call, const Words&... words) {
  return absl::InternalError(absl::StrCat(call, " failed with CUDA_ERROR_INVALID_VALUE: ", words...));
}

// Addresses that nothing can be read from or written to.
void* Inaccessible(void* at, int64_t bytes) {
  return mmap(at, static_cast<size_t>(bytes), PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at == nullptr ? 0 : MAP_FIXED), -1, 0);
}

// The entry of a map by first address that holds all of [at, at + bytes).
template <typename Map>
auto Holding(const Map& ranges, const char* at, int64_t bytes) {
  auto range = ranges.upper_bound(const_cast<char*>(at));
  if (range == ranges.begin()) return ranges.end();
  --range;
  return at + bytes <= range->first + range->second.bytes ? range : ranges.end();
}

}  // namespace

FakeVirtualMemory::~FakeVirtualMemory() {
  for (const auto& [addresses, reservation] : reservations_)
    munmap(reservation.region, static_cast<size_t>(reservation.bytes + granularity_));
  for (const auto& [file, memory] : memory_) close(static_cast<int>(file));
}

absl::Status FakeVirtualMemory::CheckSize(const char* call, int64_t bytes) const {
  if (bytes > 0 && bytes % granularity_ == 0) return absl::OkStatus();
  return Broken(call, bytes, " bytes are not a multiple of ", granularity_);
}

absl::StatusOr<void*> FakeVirtualMemory::Reserve(int64_t bytes) {
  RETURN_IF_ERROR(CheckSize("cuMemAddressReserve", bytes));
  auto* const region = static_cast<char*>(Inaccessible(nullptr, bytes + granularity_));
  if (region == MAP_FAILED) return absl::ResourceExhaustedError("no addresses");
  const auto behind = static_cast<int64_t>(reinterpret_cast<uintptr_t>(region) % static_cast<uintptr_t>(granularity_));
  char* const addresses = region + (behind == 0 ? 0 : granularity_ - behind);
  reservations_[addresses] = {.bytes = bytes, .region = region};
  return addresses;
}

absl::Status FakeVirtualMemory::FreeAddresses(void* addresses, int64_t bytes) {
  const auto at = reservations_.find(static_cast<char*>(addresses));
  if (at == reservations_.end() || at->second.bytes != bytes)
    return Broken("cuMemAddressFree", "no reservation of ", bytes, " bytes begins there");
  const auto mapped = mappings_.lower_bound(at->first);
  if (mapped != mappings_.end() && mapped->first < at->first + bytes)
    return Broken("cuMemAddressFree", "memory is mapped there");
  munmap(at->second.region, static_cast<size_t>(bytes + granularity_));
  reservations_.erase(at);
  return absl::OkStatus();
}

absl::StatusOr<FakeVirtualMemory::Handle> FakeVirtualMemory::Create(int64_t bytes) {
  RETURN_IF_ERROR(CheckSize("cuMemCreate", bytes));
  const int file = memfd_create("fake device", 0);
  if (file < 0 || ftruncate(file, bytes) != 0) return absl::InternalError("no memory file");
  memory_[static_cast<Handle>(file)] = {.bytes = bytes};
  return static_cast<Handle>(file);
}

void FakeVirtualMemory::CloseIfGone(Handle memory) {
  const auto at = memory_.find(memory);
  if (!at->second.released || at->second.mappings > 0) return;
  close(static_cast<int>(memory));
  memory_.erase(at);
}

absl::Status FakeVirtualMemory::Release(Handle memory) {
  const auto at = memory_.find(memory);
  if (at == memory_.end() || at->second.released) return Broken("cuMemRelease", "no such handle");
  at->second.released = true;
  CloseIfGone(memory);
  return absl::OkStatus();
}

absl::Status FakeVirtualMemory::Map(void* addresses, int64_t bytes, Handle memory) {
  auto* const at = static_cast<char*>(addresses);
  RETURN_IF_ERROR(CheckSize("cuMemMap", bytes));
  if (reinterpret_cast<uintptr_t>(at) % static_cast<uintptr_t>(granularity_) != 0)
    return Broken("cuMemMap", "the address is not a multiple of ", granularity_);
  if (Holding(reservations_, at, bytes) == reservations_.end())
    return Broken("cuMemMap", bytes, " bytes there are not reserved");
  const auto handle = memory_.find(memory);
  if (handle == memory_.end() || handle->second.released) return Broken("cuMemMap", "no such handle");
  if (handle->second.bytes != bytes)
    return Broken("cuMemMap", bytes, " bytes of memory that has ", handle->second.bytes);
  const auto next = mappings_.lower_bound(at);
  if ((next != mappings_.end() && next->first < at + bytes) ||
      (next != mappings_.begin() && std::prev(next)->first + std::prev(next)->second.bytes > at))
    return Broken("cuMemMap", "memory is mapped there already");
  if (mmap(at, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, static_cast<int>(memory),
           0) != at)
    return absl::InternalError("cannot map");
  mappings_[at] = {.bytes = bytes, .memory = memory};
  ++handle->second.mappings;
  return absl::OkStatus();
}

absl::Status FakeVirtualMemory::Unmap(void* addresses, int64_t bytes) {
  const auto at = mappings_.find(static_cast<char*>(addresses));
  if (at == mappings_.end() || at->second.bytes != bytes)
    return Broken("cuMemUnmap", "no mapping of ", bytes, " bytes begins there");
  Inaccessible(addresses, bytes);
  const Handle memory = at->second.memory;
  mappings_.erase(at);
  --memory_.at(memory).mappings;
  CloseIfGone(memory);
  return absl::OkStatus();
}

bool FakeVirtualMemory::IsMapped(const void* data, int64_t bytes) const {
  const auto* at = static_cast<const char*>(data);
  const char* const end = at + bytes;
  while (at < end) {
    const auto mapping = Holding(mappings_, at, 1);
    if (mapping == mappings_.end()) return false;
    at = mapping->first + mapping->second.bytes;
  }
  return true;
}

int64_t FakeVirtualMemory::used_bytes() const {
  int64_t bytes = 0;
  for (const auto& [file, memory] : memory_) bytes += memory.bytes;
  return bytes;
}

int64_t FakeVirtualMemory::live_objects() const {
  return static_cast<int64_t>(reservations_.size() + memory_.size() + mappings_.size());
}

}  // namespace metronome::testing
