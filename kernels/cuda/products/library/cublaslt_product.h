#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_PRODUCT_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_PRODUCT_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/products/library/column_major.h"
#include "kernels/cuda/products/library/cublaslt_functions.h"
#include "kernels/cuda/products/library/matmul_library.h"

namespace metronome::kernels::cuda {

// What describes a problem to cuBLASLt. Sums are in float32, and so is the arithmetic of float32 operands (no TF32). A
// bias is added by the epilogue.
class CublasLtProduct {
 public:
  // `functions` must outlive it. Internal, naming the call that failed.
  static absl::StatusOr<std::unique_ptr<CublasLtProduct>> Create(const CublasLtFunctions& functions,
                                                                 const MatmulProblem& problem);

  cublasLtMatmulDesc_t operation() const { return operation_.get(); }
  cublasLtMatrixLayout_t first() const { return first_.get(); }
  cublasLtMatrixLayout_t second() const { return second_.get(); }
  cublasLtMatrixLayout_t output() const { return output_.get(); }

  // Where the bias lies from now on; allocates nothing.
  absl::Status SetBias(const void* bias);

 private:
  using Operation = std::unique_ptr<cublasLtMatmulDescOpaque_t, decltype(&cublasLtMatmulDescDestroy)>;
  using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, decltype(&cublasLtMatrixLayoutDestroy)>;

  explicit CublasLtProduct(const CublasLtFunctions& functions);

  absl::Status Describe(const MatmulProblem& problem);
  absl::Status DescribeMatrix(const ColumnMajorMatrix& matrix, int64_t batch, Layout& layout);

  const CublasLtFunctions& functions_;
  Operation operation_;
  Layout first_, second_, output_;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_CUBLASLT_PRODUCT_H_
