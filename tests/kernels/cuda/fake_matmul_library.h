#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKE_MATMUL_LIBRARY_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKE_MATMUL_LIBRARY_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/products/library/matmul_library.h"

namespace metronome::testing {

// A library whose algorithms all multiply by plain loops over the column-major form of the problem. Records what it is
// asked; a recording of the emulated stream gets its work.
class FakeMatmulLibrary final : public cuda::MatmulLibrary {
 public:
  struct Call {
    cuda::MatmulProblem problem;
    int algorithm = 0;
  };

  // How many algorithms a problem has.
  std::function<int(const cuda::MatmulProblem&)> algorithms = [](const cuda::MatmulProblem&) { return kMaxAlgorithms; };
  bool refuses = false;  // Every Run.
  std::vector<cuda::MatmulProblem> prepared;
  std::vector<Call> calls;
  cuda::Scratch workspace;

  std::string Describe() const override { return "loops 1.2.3"; }
  void SetWorkspace(const cuda::Scratch& memory) override { workspace = memory; }
  int Prepare(const cuda::MatmulProblem& problem) override;
  int Prepared(const cuda::MatmulProblem& problem) const override;
  bool Run(CUstream_st* stream, const cuda::MatmulProblem& problem, int algorithm,
           const cuda::MatmulOperands& operands) override;

 private:
  std::map<cuda::MatmulProblem, int> known_;
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKE_MATMUL_LIBRARY_H_
