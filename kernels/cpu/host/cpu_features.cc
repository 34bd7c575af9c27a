#include "kernels/cpu/host/cpu_features.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

namespace metronome::kernels::cpu {

absl::string_view Name(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return "portable";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx512Bf16:
      return "avx512_bf16";
  }
  return "unknown";
}

InstructionSet DetectInstructionSet() {
#if defined(__x86_64__)
  // The builtin checks CPUID and, through XGETBV, that the operating system saves the registers.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
    return InstructionSet::kPortable;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return InstructionSet::kAvx2;
  }
  return __builtin_cpu_supports("avx512bf16") ? InstructionSet::kAvx512Bf16 : InstructionSet::kAvx512;
#else
  return InstructionSet::kPortable;
#endif
}

std::string CpuModelName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

int64_t LastLevelCacheBytes(const std::string& directory) {
  // By level, then by the processors that share one.
  std::map<int64_t, std::map<std::string, int64_t>> levels;
  std::error_code error;
  for (const auto& processor : std::filesystem::directory_iterator(directory, error)) {
    for (const auto& cache : std::filesystem::directory_iterator(processor.path() / "cache", error)) {
      int64_t level = 0, size = 0;
      char unit = ' ';
      std::string shared;
      std::ifstream(cache.path() / "level") >> level;
      std::ifstream(cache.path() / "size") >> size >> unit;
      std::ifstream(cache.path() / "shared_cpu_list") >> shared;
      if (size > 0) levels[level][shared] = size << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0);
    }
  }
  int64_t bytes = 0;
  if (levels.empty()) return bytes;
  for (const auto& [shared, size] : levels.rbegin()->second) bytes += size;
  return bytes;
}

}  // namespace metronome::kernels::cpu
