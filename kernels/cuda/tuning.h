#ifndef METRONOME_KERNELS_CUDA_TUNING_H_
#define METRONOME_KERNELS_CUDA_TUNING_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "kernels/cuda/products/library/matmul_library.h"
#include "kernels/cuda/products/linear.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cuda {

// The attributes tune_rows, tune_warps, tune_blocks, tune_packs, tune_splits, tune_tile and tune_library. Any values
// are safe.
LinearTuning LinearTuningOf(const Attributes& attributes);

// Of the attribute `activation`.
Activation ActivationOf(const Attributes& attributes);

// What Backend::TuningSpace answers for CUDA. With a library, asks it what it serves.
std::vector<TuningParameter> CudaTuningSpace(absl::string_view kernel, const KernelArgs& args,
                                             MatmulLibrary* library = nullptr);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_TUNING_H_
