#ifndef METRONOME_KERNELS_CUDA_DRAW_SELECTION_H_
#define METRONOME_KERNELS_CUDA_DRAW_SELECTION_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// index[r] = first column of the largest value of x[r]; columns where the row has a NaN. Long rows are split over
// blocks, which meet in the context's workspace.
struct ArgmaxArgs {
  DType dtype;
  const void* x = nullptr;   // [rows, columns].
  int32_t* index = nullptr;  // [rows].
  int64_t rows = 0;
  int64_t columns = 0;  // > 0, below 2^32 - 1.
};
void LaunchArgmax(const DeviceContext& context, const ArgmaxArgs& args);

// The k largest values of each row, falling, and their columns; of equals the first. NaN counts as -infinity.
struct TopKArgs {
  DType dtype;
  const void* x = nullptr;   // [rows, columns].
  void* values = nullptr;    // [rows, k].
  int32_t* index = nullptr;  // [rows, k].
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t k = 0;  // In [1, columns]. A row is searched k times.
};
void LaunchTopK(const DeviceContext& context, const TopKArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DRAW_SELECTION_H_
