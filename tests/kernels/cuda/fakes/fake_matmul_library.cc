#include "tests/kernels/cuda/fakes/fake_matmul_library.h"

#include "gtest/gtest.h"
#include "kernels/cuda/emulation/recorder.h"
#include "kernels/cuda/products/library/column_major.h"
#include "tests/kernels/cuda/fakes/column_major_loops.h"

namespace metronome::testing {

using kernels::cuda::MatmulOperands;
using kernels::cuda::MatmulProblem;

int FakeMatmulLibrary::Prepare(const MatmulProblem& problem) {
  EXPECT_EQ(kernels::cuda::emulation::CurrentRecording(), nullptr) << "prepared while launches are captured";
  const auto [entry, is_new] = known_.emplace(problem, 0);
  if (is_new) {
    prepared.push_back(problem);
    entry->second = algorithms(problem);
  }
  return entry->second;
}

int FakeMatmulLibrary::Prepared(const MatmulProblem& problem) const {
  const auto found = known_.find(problem);
  return found == known_.end() ? 0 : found->second;
}

bool FakeMatmulLibrary::Run(CUstream_st*, const MatmulProblem& problem, int algorithm, const MatmulOperands& operands) {
  EXPECT_LT(algorithm, Prepared(problem));
  for (const void* const data :
       {operands.a, operands.b, operands.bias, operands.residual, static_cast<const void*>(operands.y)})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % kAlignment, 0u);
  EXPECT_EQ(problem.has_bias, operands.bias != nullptr);
  EXPECT_EQ(problem.has_residual, operands.residual != nullptr);
  if (refuses) return false;
  calls.push_back({problem, algorithm});
  kernels::cuda::emulation::RunOrRecord([problem, operands] {
    const kernels::cuda::ColumnMajorProduct product = ColumnMajorOf(problem);
    EXPECT_TRUE(
        MultiplyColumnMajor({.layout = product.first, .data = operands.b, .transposed = product.first_transposed},
                            {.layout = product.second, .data = operands.a}, operands.bias, operands.residual,
                            product.output, product.batch, operands.y));
  });
  return true;
}

}  // namespace metronome::testing
