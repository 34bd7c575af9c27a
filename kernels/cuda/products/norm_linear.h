#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_NORM_LINEAR_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_NORM_LINEAR_H_

#include "absl/status/status.h"
#include "kernels/cuda/products/linear.h"
#include "kernels/cuda/rows/norm_rows.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cuda {

// Of a catalogue product with has_norm; without a weight where that is not set.
NormPrologue NormPrologueOf(const KernelArgs& args);

// LaunchNormLinear where there is a norm, else LaunchLinear. ResourceExhausted where a normalised row has no room.
absl::Status LaunchProduct(const DeviceContext& context, const LinearArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_NORM_LINEAR_H_
