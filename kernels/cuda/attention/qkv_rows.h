#ifndef METRONOME_KERNELS_CUDA_ATTENTION_QKV_ROWS_H_
#define METRONOME_KERNELS_CUDA_ATTENTION_QKV_ROWS_H_

#include <cstdint>

#include "kernels/cuda/attention/qkv_rope_cache.h"

namespace metronome::kernels::cuda {

// What LaunchQkvGemv computes by a launch for each step, for any number of rows, as many at a time as have room in the
// scratch. False, and nothing is done, where not one row has.
bool LaunchQkvRows(const DeviceContext& context, const QkvArgs& args);
int64_t QkvRowBytes(const QkvArgs& args);  // Of the scratch, for one row.

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_QKV_ROWS_H_
