#ifndef METRONOME_TESTS_FUZZ_MUTATE_JSON_H_
#define METRONOME_TESTS_FUZZ_MUTATE_JSON_H_

#include <string>
#include <vector>

#include "tests/fuzz/mutate/random.h"

namespace metronome::fuzz {

// JSON text with some of its values changed: to hostile ones, to `words`, to others of the same text; removed; nested
// deep. Keys are changed now and then. Text that is no JSON, and one in four, is mutated as bytes.
std::string MutateJson(const std::string& text, const std::vector<std::string>& words, Random& random);

// Bytes as LLVMFuzzerMutate changes them.
std::string MutateBytes(const std::string& text);

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_MUTATE_JSON_H_
