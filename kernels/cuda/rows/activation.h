#ifndef METRONOME_KERNELS_CUDA_ROWS_ACTIVATION_H_
#define METRONOME_KERNELS_CUDA_ROWS_ACTIVATION_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// kGeluTanh: Hendrycks & Gimpel 2016, arXiv:1606.08415.
enum class Activation : uint8_t { kSilu, kGeluTanh };

// y[i] = activation(gate[i]), rounded to the dtype, times up[i]. y may be gate or up.
struct GatedActivationArgs {
  DType dtype;
  Activation activation;
  const void* gate = nullptr;
  const void* up = nullptr;
  void* y = nullptr;
  int64_t elements = 0;
};
void LaunchGatedActivation(const DeviceContext& context, const GatedActivationArgs& args);

// y[i] = cap * tanh(x[i] / cap). y may be x.
struct SoftcapArgs {
  DType dtype;
  const void* x = nullptr;
  void* y = nullptr;
  int64_t elements = 0;
  float cap = 1;  // > 0.
};
void LaunchSoftcap(const DeviceContext& context, const SoftcapArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_ACTIVATION_H_
