#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_H_

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// Rows of one tile that go to one expert; none in an entry of zeros.
struct RowTile {
  int32_t expert = 0;
  int32_t first = 0;  // In the order of rows.
  int32_t rows = 0;
};

// Rows grouped by expert, in device memory: row order[i] of y comes from row order[i] / repeat of x.
struct GroupedRows {
  const RowTile* tiles = nullptr;  // [max_tiles], of GemmTileRows rows; nullptr where all rows have the same weights.
  const int32_t* order = nullptr;
  int64_t max_tiles = 0;
  int tile = 0;  // What ChooseGemmTile says.
  int64_t repeat = 1;
  int64_t stride = 0;  // Elements of an expert.
};

// LaunchLinear or LaunchExperts for many rows.
void LaunchGemm(const DeviceContext& context, const LinearArgs& args, const GroupedRows& rows);

// The tile for `rows` rows that share weights, and the rows that it has.
int ChooseGemmTile(const DeviceContext& context, const LinearArgs& args, int64_t rows);
int64_t GemmTileRows(DType dtype, int tile);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_H_
