#ifndef METRONOME_RUNTIME_ENGINE_MATMUL_RATE_H_
#define METRONOME_RUNTIME_ENGINE_MATMUL_RATE_H_

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"

namespace metronome::runtime {

// FLOP per second of the backend's `linear` on a product that is bound by arithmetic and not by memory: the roofline of
// a long prompt. Takes a few hundred milliseconds at most. ResourceExhausted; errors of the kernel.
absl::StatusOr<double> MeasureMatmulRate(kernels::Backend& backend, kernels::DType dtype);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_MATMUL_RATE_H_
