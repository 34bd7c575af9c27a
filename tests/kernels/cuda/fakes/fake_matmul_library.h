#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_MATMUL_LIBRARY_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_MATMUL_LIBRARY_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/products/library/matmul_library.h"

namespace metronome::testing {

// A library whose algorithms all multiply by plain loops over the column-major form of the problem. Records what it is
// asked; a recording of the emulated stream gets its work.
class FakeMatmulLibrary final : public kernels::cuda::MatmulLibrary {
 public:
  struct Call {
    kernels::cuda::MatmulProblem problem;
    int algorithm = 0;
  };

  // How many algorithms a problem has.
  std::function<int(const kernels::cuda::MatmulProblem&)> algorithms = [](const kernels::cuda::MatmulProblem&) {
    return kMaxAlgorithms;
  };
  bool refuses = false;  // Every Run.
  std::vector<kernels::cuda::MatmulProblem> prepared;
  std::vector<Call> calls;
  kernels::cuda::Scratch workspace;

  std::string Describe() const override { return "loops 1.2.3"; }
  void SetWorkspace(const kernels::cuda::Scratch& memory) override { workspace = memory; }
  int Prepare(const kernels::cuda::MatmulProblem& problem) override;
  int Prepared(const kernels::cuda::MatmulProblem& problem) const override;
  bool Run(CUstream_st* stream, const kernels::cuda::MatmulProblem& problem, int algorithm,
           const kernels::cuda::MatmulOperands& operands) override;

 private:
  std::map<kernels::cuda::MatmulProblem, int> known_;
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_MATMUL_LIBRARY_H_
