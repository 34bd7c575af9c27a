#ifndef METRONOME_TESTS_FUZZ_MUTATE_BYTES_H_
#define METRONOME_TESTS_FUZZ_MUTATE_BYTES_H_

#include <string>
#include <vector>

#include "tests/fuzz/mutate/random.h"

namespace metronome::fuzz {

// `bytes` with a few changes: bits, bytes and runs of them changed, inserted, removed, copied, or taken from one of
// `others`. At most `max_size` bytes.
std::string ChangeBytes(std::string bytes, const std::vector<std::string>& others, size_t max_size, Random& random);

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_MUTATE_BYTES_H_
