#include "kernels/cpu/host/cgroup_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>

namespace metronome::kernels::cpu {
namespace {

// The files of one version of the interface.
struct Files {
  const char* mount;
  const char* limit;
  const char* used;
  const char* inactive;  // A key of memory.stat.
};

constexpr Files kVersion2 = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
constexpr Files kVersion1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                             "total_inactive_file"};

std::optional<int64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  int64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;  // Absent, or "max".
}

int64_t ReadStat(const std::string& path, const std::string& wanted) {
  std::ifstream file(path);
  std::string key;
  for (int64_t value = 0; file >> key >> value;) {
    if (key == wanted) return value;
  }
  return 0;
}

// Takes in the group at `path` and those above it. In a container `path` may be the host's and not exist: then only the
// mount's root counts, which is the container's own group.
void TakeGroups(const std::string& root, const Files& files, std::string path, CgroupMemory& memory) {
  for (;;) {
    const std::string group = root + files.mount + path + "/";
    if (const auto limit = ReadNumber(group + files.limit)) {
      const int64_t used = ReadNumber(group + files.used).value_or(0) - ReadStat(group + "memory.stat", files.inactive);
      memory.limit = std::min(memory.limit, *limit);
      memory.available = std::min(memory.available, std::max<int64_t>(*limit - std::max<int64_t>(used, 0), 0));
    }
    if (path.empty()) return;
    path.resize(path.find_last_of('/'));
  }
}

}  // namespace

CgroupMemory ReadCgroupMemory(const std::string& root) {
  CgroupMemory memory;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "0::/path", or "4:cpu,memory:/path" in version 1.
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path.empty() || path.front() != '/') continue;
    if (path == "/") path.clear();
    if (controllers == ",,") TakeGroups(root, kVersion2, path, memory);
    if (controllers.find(",memory,") != std::string::npos) TakeGroups(root, kVersion1, path, memory);
  }
  return memory;
}

}  // namespace metronome::kernels::cpu
