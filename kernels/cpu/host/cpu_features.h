#ifndef METRONOME_KERNELS_CPU_HOST_CPU_FEATURES_H_
#define METRONOME_KERNELS_CPU_HOST_CPU_FEATURES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace metronome::kernels::cpu {

// Levels of vector code, each including those before it.
enum class InstructionSet : uint8_t {
  kPortable,    // What the compiler's baseline gives.
  kAvx2,        // AVX2, FMA, F16C.
  kAvx512,      // AVX-512 F, BW, DQ, VL.
  kAvx512Bf16,  // AVX-512 BF16 dot products.
};

absl::string_view Name(InstructionSet set);  // "portable", "avx2", "avx512", "avx512_bf16".

// The best level that this processor and its operating system support.
InstructionSet DetectInstructionSet();

// The processor's own name, "unknown CPU" where it has none.
std::string CpuModelName();

// Bytes of the largest caches of the processors, all of one level together, as the kernel lists them below
// `directory`; 0 where it lists none.
int64_t LastLevelCacheBytes(const std::string& directory = "/sys/devices/system/cpu");

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_HOST_CPU_FEATURES_H_
