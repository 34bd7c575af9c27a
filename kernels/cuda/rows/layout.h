#ifndef METRONOME_KERNELS_CUDA_ROWS_LAYOUT_H_
#define METRONOME_KERNELS_CUDA_ROWS_LAYOUT_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/primitives/strided.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// output = input, walked by strides: transposes and broadcasts of elements of 1, 2 or 4 bytes. The ranges do not
// overlap.
struct StridedCopyArgs {
  int element_bytes = 0;
  const void* input = nullptr;
  void* output = nullptr;
  StridedWalk<1> walk;  // Collapsed; of the output over the input.
};
void LaunchStridedCopy(const DeviceContext& context, const StridedCopyArgs& args);

// Row i of `row_bytes` bytes goes from input + i * input_stride to output + i * output_stride: slices, parts of
// concatenations, and writes to a cache. The ranges do not overlap.
struct CopyRowsArgs {
  const void* input = nullptr;
  void* output = nullptr;
  int64_t rows = 0;
  int64_t row_bytes = 0;
  int64_t input_stride = 0;   // In bytes.
  int64_t output_stride = 0;  // In bytes.
  StepSize first_output_row;  // Rows of `output` to skip.
};
void LaunchCopyRows(const DeviceContext& context, const CopyRowsArgs& args);

// Row i of the output is row indices[i] of the table. An index outside [0, table_rows) raises the context's fault, and
// its row is left as it was.
struct GatherArgs {
  const void* table = nullptr;  // [table_rows, row_bytes].
  const int32_t* indices = nullptr;
  void* output = nullptr;  // [rows, row_bytes].
  int64_t table_rows = 0;
  int64_t rows = 0;
  int64_t row_bytes = 0;
};
void LaunchGather(const DeviceContext& context, const GatherArgs& args);

// Gather of float rows, times `scale`.
struct EmbeddingArgs {
  DType dtype;
  const void* table = nullptr;  // [table_rows, columns].
  const int32_t* indices = nullptr;
  void* output = nullptr;  // [rows, columns].
  int64_t table_rows = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  float scale = 1;
};
void LaunchEmbedding(const DeviceContext& context, const EmbeddingArgs& args);

// output[i] = start + i.
struct IotaArgs {
  int32_t* output = nullptr;
  int64_t elements = 0;
  StepSize start;
};
void LaunchIota(const DeviceContext& context, const IotaArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_LAYOUT_H_
