#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LINEAR_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LINEAR_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/rows/activation.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

inline constexpr int kMaxParts = 8;

// One product of x: y = x * w^T.
struct LinearPart {
  const void* w = nullptr;     // [n, k].
  const void* bias = nullptr;  // [n] or nullptr.
  void* y = nullptr;           // [m, n].
  int64_t n = 0;
};

// What a launch would decide for itself; 0 leaves it to it, and so does a value that it cannot use.
struct LinearTuning {
  int64_t rows = 0;    // GEMV: rows of weights that a warp reads side by side. 2 or 4.
  int64_t warps = 0;   // GEMV: warps that share them. 1, 2, 4 or 8.
  int64_t blocks = 0;  // GEMV: blocks for each multiprocessor that warps and splits are chosen for. 1 to 8.
  int64_t packs = 0;   // GEMV of up to 2 rows: accesses of 16 bytes that a lane has under way. 4 or 8.
  int64_t splits = 0;  // Blocks that share a sum. 1 to 16, as far as the workspace reaches.
  int64_t tile = 0;    // GEMM: 1 to 3, from the smallest tile to the largest.
  // More than kMaxGemvRows rows: our kernel (0) or the algorithm of that number of the library, from 1; ours if there
  // is none. Below 0, it is left to the launch, which takes ours where `tile` or `splits` are set.
  int64_t library = -1;
};

// A norm of x before its products, as RmsNormArgs has it; rounded to the dtype.
struct NormPrologue {
  const void* weight = nullptr;  // [k]; nullptr: there is none.
  float epsilon = 0;
  float weight_offset = 0;
  bool round_before_weight = false;
};

// Products of the rows of x, up to kMaxParts that share it. A sum gets the part's bias and the residual and is rounded
// once, then activated. With `up`, y = activation(x * w^T) * (x * up^T), each factor rounded.
struct LinearArgs {
  DType dtype = DType::kFloat32;
  const void* x = nullptr;  // [m, k].
  int64_t m = 0;
  int64_t k = 0;
  int parts = 1;
  LinearPart part[kMaxParts];
  const void* up = nullptr;        // [n, k] or nullptr; then there is one part.
  const void* residual = nullptr;  // [m, n] or nullptr; may be y.
  bool wide = false;               // y is float32.
  bool activates = false;
  Activation activation = Activation::kSilu;  // With `activates` or `up`.
  LinearTuning tuning;
  NormPrologue norm;
};
// args.norm has no weight.
void LaunchLinear(const DeviceContext& context, const LinearArgs& args);

// Rows up to which the weights are read as by a GEMV: tensor cores have nothing to win there.
inline constexpr int64_t kMaxGemvRows = 8;

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LINEAR_H_
