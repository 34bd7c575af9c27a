#ifndef METRONOME_KERNELS_CPU_HOST_CGROUP_MEMORY_H_
#define METRONOME_KERNELS_CPU_HOST_CGROUP_MEMORY_H_

#include <cstdint>
#include <limits>
#include <string>

namespace metronome::kernels::cpu {

inline constexpr int64_t kUnlimitedBytes = std::numeric_limits<int64_t>::max();

// What the control groups of this process leave it; kUnlimitedBytes where none sets a limit.
struct CgroupMemory {
  int64_t limit = kUnlimitedBytes;      // The smallest limit of the group and its ancestors.
  int64_t available = kUnlimitedBytes;  // The smallest room below such a limit; the kernel drops inactive file pages
                                        // before it refuses memory.
};

// Reads version 2 and version 1 hierarchies. `root` replaces "/" in tests.
CgroupMemory ReadCgroupMemory(const std::string& root = "");

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_HOST_CGROUP_MEMORY_H_
