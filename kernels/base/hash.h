#ifndef METRONOME_KERNELS_BASE_HASH_H_
#define METRONOME_KERNELS_BASE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "kernels/base/split_mix.h"

namespace metronome {

// Hashes (and random numbers, by split_mix.h) that are the same on every platform and in every build, because results
// are compared by them.

// 64-bit FNV-1a, a byte at a time (http://www.isthe.com/chongo/tech/comp/fnv).
inline constexpr uint64_t kFnv1aStart = 0xcbf29ce484222325u;
constexpr uint64_t Fnv1aByte(uint64_t hash, uint8_t byte) { return (hash ^ byte) * 0x100000001b3u; }
constexpr uint64_t Fnv1a(absl::string_view text) {
  uint64_t hash = kFnv1aStart;
  for (const char c : text) hash = Fnv1aByte(hash, static_cast<uint8_t>(c));
  return hash;
}

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_HASH_H_
