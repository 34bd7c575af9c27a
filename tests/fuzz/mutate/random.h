#ifndef METRONOME_TESTS_FUZZ_MUTATE_RANDOM_H_
#define METRONOME_TESTS_FUZZ_MUTATE_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "kernels/base/split_mix.h"

namespace metronome::fuzz {

// Choices that a seed determines.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return NextSplitMix64(state_); }
  size_t Below(size_t limit) { return Next() % limit; }  // limit >= 1.
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <typename List>
  const auto& Pick(const List& list) {
    return list[Below(std::size(list))];
  }

 private:
  uint64_t state_;
};

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_MUTATE_RANDOM_H_
