#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_FUSED_CASES_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_FUSED_CASES_H_

#include <string>
#include <vector>

#include "kernels/cuda/program/fused.h"
#include "tests/kernels/support/random_program.h"

namespace metronome::testing {

// Launches whose generated kernels are compiled by the host's compiler when the tests are built: of every group, width
// and kind of walk, and random ones.
std::vector<FusedCase> GeneratedFusedCases();

// The source that FusedKernels would generate for the launch, with a kernel of this name.
std::string SourceOf(const FusedCase& fused, absl::string_view name);

// A kernel as the host's compiler made it.
struct HostKernel {
  const char* source;  // As FusedKernels gives it to its compiler.
  void (*kernel)(kernels::cuda::FusedOperands operands);
};
// In the order of GeneratedFusedCases. Written by write_fused_kernels.
std::vector<HostKernel> HostKernels();

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_FUSED_CASES_H_
