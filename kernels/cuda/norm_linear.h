#ifndef METRONOME_KERNELS_CUDA_NORM_LINEAR_H_
#define METRONOME_KERNELS_CUDA_NORM_LINEAR_H_

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/cuda/linear.h"

namespace metronome::cuda {

// Of a catalogue product with has_norm; without a weight where that is not set.
NormPrologue NormPrologueOf(const KernelArgs& args);

// LaunchLinear after args.norm, which there is: in the blocks of a GEMV where GemvStages, else first into the scratch, as
// many rows at a time as have room there, so that the weights are read once for so many. False, and nothing is done,
// where not one row has.
bool LaunchNormLinear(const DeviceContext& context, const LinearArgs& args);

// LaunchNormLinear where there is a norm, else LaunchLinear. ResourceExhausted where a normalised row has no room.
absl::Status LaunchProduct(const DeviceContext& context, const LinearArgs& args);

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_NORM_LINEAR_H_
