#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LINEAR_OUTPUT_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LINEAR_OUTPUT_CUH_

#include "kernels/cuda/primitives/device.cuh"
#include "kernels/cuda/products/linear.h"
#include "kernels/cuda/rows/activation.cuh"

namespace metronome::kernels::cuda {

// Where a block's columns begin.
struct PartColumns {
  int part;
  int64_t first;
};

// Tiles of `columns` columns; none spans two parts.
inline int64_t ColumnTiles(const LinearArgs& args, int64_t columns) {
  int64_t tiles = 0;
  for (int part = 0; part < args.parts; ++part) tiles += (args.part[part].n + columns - 1) / columns;
  return tiles;
}
__device__ __forceinline__ PartColumns FindColumns(const LinearArgs& args, int64_t tile, int64_t columns) {
  int part = 0;
  for (; part + 1 < args.parts; ++part) {
    const int64_t tiles = (args.part[part].n + columns - 1) / columns;
    if (tile < tiles) break;
    tile -= tiles;
  }
  return {.part = part, .first = tile * columns};
}

// Makes an element of y of its sum; `up` is the other product of a gated one. Reads the residual before it writes.
template <typename T>
__device__ __forceinline__ void WriteOutput(const LinearArgs& args, const LinearPart& part, int64_t row, int64_t column,
                                            float sum, float up) {
  const int64_t at = row * part.n + column;
  if (args.up != nullptr) {
    const float gate = Round<T>(Activate(args.activation, Round<T>(sum)));
    static_cast<T*>(part.y)[at] = FromFloat<T>(gate * Round<T>(up));
    return;
  }
  if (part.bias != nullptr) sum += ToFloat(static_cast<const T*>(part.bias)[column]);
  if (args.residual != nullptr) sum += ToFloat(static_cast<const T*>(args.residual)[at]);
  if (args.wide) {
    static_cast<float*>(part.y)[at] = args.activates ? Activate(args.activation, sum) : sum;
    return;
  }
  if (args.activates) sum = Activate(args.activation, Round<T>(sum));
  static_cast<T*>(part.y)[at] = FromFloat<T>(sum);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LINEAR_OUTPUT_CUH_
