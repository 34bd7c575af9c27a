#ifndef METRONOME_RUNTIME_BASE_HASH_H_
#define METRONOME_RUNTIME_BASE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace metronome {

// Hashes and random numbers that are the same on every platform and in every build, because results are compared by
// them.

// 64-bit FNV-1a, a byte at a time (http://www.isthe.com/chongo/tech/comp/fnv).
inline constexpr uint64_t kFnv1aStart = 0xcbf29ce484222325u;
constexpr uint64_t Fnv1aByte(uint64_t hash, uint8_t byte) { return (hash ^ byte) * 0x100000001b3u; }
constexpr uint64_t Fnv1a(absl::string_view text) {
  uint64_t hash = kFnv1aStart;
  for (const char c : text) hash = Fnv1aByte(hash, static_cast<uint8_t>(c));
  return hash;
}

// SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators"): its step, and its output function.
inline constexpr uint64_t kSplitMix64Step = 0x9e3779b97f4a7c15u;
constexpr uint64_t SplitMix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
constexpr uint64_t NextSplitMix64(uint64_t& state) { return SplitMix64(state += kSplitMix64Step); }

}  // namespace metronome

#endif  // METRONOME_RUNTIME_BASE_HASH_H_
