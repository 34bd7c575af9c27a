#ifndef METRONOME_KERNELS_BASE_SPLIT_MIX_H_
#define METRONOME_KERNELS_BASE_SPLIT_MIX_H_

#include <cstdint>

#include "kernels/base/host_device.h"

namespace metronome {

// SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators"): its step, and its output function.
inline constexpr uint64_t kSplitMix64Step = 0x9e3779b97f4a7c15u;
METRONOME_HOST_DEVICE constexpr uint64_t SplitMix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
METRONOME_HOST_DEVICE constexpr uint64_t NextSplitMix64(uint64_t& state) {
  return SplitMix64(state += kSplitMix64Step);
}

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_SPLIT_MIX_H_
