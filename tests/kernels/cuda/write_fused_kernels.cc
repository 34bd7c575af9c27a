// write_fused_kernels FILE: C++ of the generated kernels of GeneratedFusedCases, and HostKernels().

#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/program/fused_source.h"
#include "tests/kernels/cuda/fakes/fused_cases.h"

int main(int argc, char** argv) {
  using namespace metronome;
  if (argc != 2) {
    std::cerr << "usage: write_fused_kernels FILE\n";
    return 2;
  }
  std::ofstream file(argv[1]);
  file << kernels::cuda::kFusedInclude << "#include \"tests/kernels/cuda/fakes/fused_cases.h\"\n\n";
  const std::vector<testing::FusedCase> cases = testing::GeneratedFusedCases();
  for (size_t i = 0; i < cases.size(); ++i) file << testing::SourceOf(cases[i], absl::StrCat("fused_", i)) << "\n";
  file << "namespace metronome::testing {\nstd::vector<HostKernel> HostKernels() {\n  return {\n";
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string source =
        absl::StrCat(kernels::cuda::kFusedInclude, testing::SourceOf(cases[i], "metronome_fused"));
    file << "      {R\"metronome(" << source << ")metronome\", fused_" << i << "},\n";
  }
  file << "  };\n}\n}  // namespace metronome::testing\n";
  return file.flush() ? 0 : 1;
}
