#ifndef METRONOME_KERNELS_CUDA_GEMM_H_
#define METRONOME_KERNELS_CUDA_GEMM_H_

#include "kernels/cuda/device_context.h"
#include "kernels/cuda/linear.h"

namespace metronome::cuda {

// Rows of one tile that go to one expert; none in an entry of zeros.
struct RowTile {
  int32_t expert = 0;
  int32_t first = 0;  // In the order of rows.
  int32_t rows = 0;
};

// Rows grouped by expert, in device memory: row order[i] of y comes from row order[i] / repeat of x.
struct GroupedRows {
  const RowTile* tiles = nullptr;  // [max_tiles], of rows_of_tile rows; nullptr where all rows have the same weights.
  const int32_t* order = nullptr;
  int64_t max_tiles = 0;
  int64_t rows_of_tile = 0;  // What GemmTileRows says.
  int64_t repeat = 1;
  int64_t stride = 0;  // Elements of an expert.
};

// LaunchLinear or LaunchExperts for many rows.
void LaunchGemm(const DeviceContext& context, const LinearArgs& args, const GroupedRows& rows);

// Rows of the tiles that LaunchGemm takes for `typical_rows` rows that share weights.
int64_t GemmTileRows(const DeviceContext& context, const LinearArgs& args, int64_t typical_rows);

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_GEMM_H_
