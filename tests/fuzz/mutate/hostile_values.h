#ifndef METRONOME_TESTS_FUZZ_MUTATE_HOSTILE_VALUES_H_
#define METRONOME_TESTS_FUZZ_MUTATE_HOSTILE_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/mutate/random.h"

namespace metronome::fuzz {

// Values at and around the ends of integer types, powers of two and what counts usually are.
int64_t HostileInteger(Random& random);

// Infinities, NaN, denormals, and what rounds to them.
double HostileDouble(Random& random);

// Now and then one of `words`, `text` changed, or a string of the kinds that break parsers: NUL bytes, invalid UTF-8,
// paths to what is no file, brackets nested deep, very long ones.
std::string HostileString(const std::string& text, const std::vector<std::string>& words, Random& random);

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_MUTATE_HOSTILE_VALUES_H_
