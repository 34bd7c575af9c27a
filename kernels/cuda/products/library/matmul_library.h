#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_MATMUL_LIBRARY_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_MATMUL_LIBRARY_H_

#include <compare>
#include <cstdint>
#include <string>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// y = a * b + bias + residual for each matrix of a batch: row-major and dense, summed in float32, rounded once.
struct MatmulProblem {
  DType dtype = DType::kFloat32;  // Of a, b, bias and residual.
  bool wide = false;              // y is float32; then without bias and residual.
  bool transposed = false;        // b is [n, k], not [k, n].
  bool has_bias = false;
  bool has_residual = false;
  int64_t m = 0;  // Sizes are > 0.
  int64_t n = 0;
  int64_t k = 0;
  int64_t batch = 1;
  int64_t a_stride = 0;  // Elements from one matrix to the next; 0: all use the same. Those of y follow each other.
  int64_t b_stride = 0;

  friend auto operator<=>(const MatmulProblem&, const MatmulProblem&) = default;
};

// In device memory, each aligned to MatmulLibrary::kAlignment.
struct MatmulOperands {
  const void* a = nullptr;         // [batch, m, k].
  const void* b = nullptr;         // [batch, k, n] or [batch, n, k].
  const void* bias = nullptr;      // [n].
  const void* residual = nullptr;  // [batch, m, n]; may be y.
  void* y = nullptr;               // [batch, m, n].
};

// Somebody else's products. Each problem has algorithms, which differ in speed and in the order of summation. The same
// algorithm gives the same bits each time. Used by the backend's thread; Describe by any.
class MatmulLibrary {
 public:
  static constexpr int kMaxAlgorithms = 4;
  static constexpr int64_t kAlignment = 16;  // Bytes.

  virtual ~MatmulLibrary() = default;

  virtual std::string Describe() const = 0;  // "cuBLASLt 13.1.0".
  // Device memory for everything that runs from now on; before the first Prepare.
  virtual void SetWorkspace(const Scratch& workspace) = 0;

  // How many algorithms serve the problem, best guess first; 0: none. Finds them the first time, which takes the host
  // some 100 us and must not happen while launches are captured.
  virtual int Prepare(const MatmulProblem& problem) = 0;
  // The same without finding any: 0 for a problem that is not prepared.
  virtual int Prepared(const MatmulProblem& problem) const = 0;
  // Enqueues a prepared problem; allocates nothing. False when the library refuses: then nothing was enqueued.
  virtual bool Run(CUstream_st* stream, const MatmulProblem& problem, int algorithm,
                   const MatmulOperands& operands) = 0;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_MATMUL_LIBRARY_H_
