#ifndef METRONOME_TESTS_FUZZ_FUZZ_TARGET_H_
#define METRONOME_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// What a fuzz target defines. libFuzzer calls these, and so does the replay program (replay_main.cc).
//
// Runs one input. Whatever it is, nothing may crash, run away or break what the target checks of the outcome.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Makes another input of the one in `data`, of at most `max_size` bytes; returns its size. A target whose inputs are
// bytes without structure leaves it out.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed);

// libFuzzer's own mutation of bytes, or the replay program's.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace metronome::fuzz {

// Small inputs that get far into the target, of the fixtures in tests/golden where there are any. Equal in every call.
std::vector<std::string> Seeds();

// Ends the process, with `what` in its last words, where `holds` is false: a finding.
void Require(bool holds, absl::string_view what);

// The content of a file of tests/golden.
std::string ReadGolden(absl::string_view name);

// Copies `mutated` to `data`, as LLVMFuzzerCustomMutator must; what is too long is cut.
size_t Give(const std::string& mutated, uint8_t* data, size_t max_size);

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_FUZZ_TARGET_H_
