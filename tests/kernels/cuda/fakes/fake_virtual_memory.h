#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_VIRTUAL_MEMORY_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_VIRTUAL_MEMORY_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace metronome::testing {

// Virtual memory as CUDA's cuMem* functions have it, in host memory, with their rules: sizes and addresses are
// multiples of the granularity, memory is mapped whole and at an offset of 0, only where addresses are reserved and
// nothing is mapped, and unmapped as it was mapped. What breaks a rule is an Internal error that says which.
class FakeVirtualMemory {
 public:
  using Handle = uint64_t;  // A file descriptor.

  explicit FakeVirtualMemory(int64_t granularity) : granularity_(granularity) {}
  ~FakeVirtualMemory();
  FakeVirtualMemory(const FakeVirtualMemory&) = delete;
  FakeVirtualMemory& operator=(const FakeVirtualMemory&) = delete;

  absl::StatusOr<void*> Reserve(int64_t bytes);
  absl::Status FreeAddresses(void* addresses, int64_t bytes);
  absl::StatusOr<Handle> Create(int64_t bytes);
  // Memory goes when its handle is released and nothing maps it any more.
  absl::Status Release(Handle memory);
  absl::Status Map(void* addresses, int64_t bytes, Handle memory);
  absl::Status Unmap(void* addresses, int64_t bytes);

  bool IsMapped(const void* data, int64_t bytes) const;  // All of it.
  int64_t used_bytes() const;                            // Of memory.
  int64_t live_objects() const;                          // Reservations, memory and mappings.

 private:
  struct Reservation {
    int64_t bytes = 0;
    char* region = nullptr;  // The operating system's, which `addresses` are aligned in.
  };
  struct Memory {
    int64_t bytes = 0;
    bool released = false;
    int mappings = 0;
  };
  struct Mapping {
    int64_t bytes = 0;
    Handle memory = 0;
  };

  absl::Status CheckSize(const char* call, int64_t bytes) const;
  void CloseIfGone(Handle memory);

  int64_t granularity_;
  std::map<char*, Reservation> reservations_;
  std::map<Handle, Memory> memory_;
  std::map<char*, Mapping> mappings_;
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_VIRTUAL_MEMORY_H_
