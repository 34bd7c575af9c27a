#ifndef METRONOME_TESTS_KERNELS_SUPPORT_RANDOM_PROGRAM_H_
#define METRONOME_TESTS_KERNELS_SUPPORT_RANDOM_PROGRAM_H_

#include <cstdint>
#include <vector>

#include "kernels/program/fused_program.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// A launch of `fused`.
struct FusedCase {
  kernels::FusedProgram program;
  std::vector<HostTensor> inputs;
  std::vector<kernels::Shape> output_shapes;  // Empty: those of the results; else what they broadcast to.

  std::vector<kernels::TensorView> InputViews() const;
  kernels::Attributes attributes() const { return {{"program", program.ToString()}}; }
  // What the program gives, not yet computed.
  std::vector<HostTensor> NewOutputs() const;
};

// Programs of every op and dtype over awkward shapes that broadcast, a function of the seed.
FusedCase RandomFusedCase(uint64_t seed);

// A program as text, over inputs of these dtypes and shapes with random contents in [-3, 3].
FusedCase FusedCaseOf(absl::string_view program, const std::vector<std::pair<kernels::DType, kernels::Shape>>& inputs);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_SUPPORT_RANDOM_PROGRAM_H_
