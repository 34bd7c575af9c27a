#ifndef METRONOME_KERNELS_CPU_OPTIMISED_ROW_STEPS_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_ROW_STEPS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::kernels::cpu {

// Steps on one row of float32 that several kernels share; `work` has as many elements as the row.

// Rounds to `dtype` and back.
inline void RoundRow(const VectorKernels& kernels, VectorDType dtype, float* row, int64_t size, float* work) {
  if (dtype == VectorDType::kFloat32) return;
  kernels.narrow(dtype, row, size, work);
  kernels.widen(dtype, work, size, row);
}

// "silu" or "gelu_tanh", rounded to `dtype`.
inline void ActivateRow(const VectorKernels& kernels, VectorDType dtype, absl::string_view activation, float* row,
                        int64_t size, float* work) {
  (activation == "silu" ? kernels.silu : kernels.gelu_tanh)(row, size);
  RoundRow(kernels, dtype, row, size, work);
}

// row = activation(row) * factor, all three rounded to `dtype` before the product; `factor` is changed.
inline void GateRow(const VectorKernels& kernels, VectorDType dtype, absl::string_view activation, float* row,
                    float* factor, int64_t size, float* work) {
  RoundRow(kernels, dtype, row, size, work);
  ActivateRow(kernels, dtype, activation, row, size, work);
  RoundRow(kernels, dtype, factor, size, work);
  kernels.multiply(row, factor, size, 0);
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_ROW_STEPS_H_
