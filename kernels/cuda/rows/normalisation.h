#ifndef METRONOME_KERNELS_CUDA_ROWS_NORMALISATION_H_
#define METRONOME_KERNELS_CUDA_ROWS_NORMALISATION_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// y[r] = exp(x[r] - max(x[r])) / sum. y may be x.
struct SoftmaxArgs {
  DType dtype;
  const void* x = nullptr;  // [rows, columns].
  void* y = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
};
void LaunchSoftmax(const DeviceContext& context, const SoftmaxArgs& args);

// y[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * (weight_offset + weight). With `addend`, x[r] is first replaced by
// x[r] + addend[r], rounded, which `sum` takes. y and sum may be x or the addend.
struct RmsNormArgs {
  DType dtype;
  const void* x = nullptr;       // [rows, columns].
  const void* addend = nullptr;  // [rows, columns] or nullptr.
  const void* weight = nullptr;  // [columns] or nullptr, which counts as 1 - weight_offset.
  void* sum = nullptr;           // [rows, columns], with an addend.
  void* y = nullptr;             // [rows, columns].
  int64_t rows = 0;
  int64_t columns = 0;
  float epsilon = 0;
  float weight_offset = 0;
  bool round_before_weight = false;  // To the dtype, before the product with the weight.
};
void LaunchRmsNorm(const DeviceContext& context, const RmsNormArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_NORMALISATION_H_
