#include "kernels/cuda/products/library/cublaslt_product.h"

#include "kernels/base/status_macros.h"

namespace metronome::kernels::cuda {
namespace {

cudaDataType_t TypeOf(DType dtype) {
  if (dtype == DType::kBFloat16) return CUDA_R_16BF;
  return dtype == DType::kFloat16 ? CUDA_R_16F : CUDA_R_32F;
}

}  // namespace

CublasLtProduct::CublasLtProduct(const CublasLtFunctions& functions)
    : functions_(functions),
      operation_(nullptr, functions.product_destroy),
      first_(nullptr, functions.layout_destroy),
      second_(nullptr, functions.layout_destroy),
      output_(nullptr, functions.layout_destroy) {}

absl::StatusOr<std::unique_ptr<CublasLtProduct>> CublasLtProduct::Create(const CublasLtFunctions& functions,
                                                                         const MatmulProblem& problem) {
  std::unique_ptr<CublasLtProduct> product(new CublasLtProduct(functions));
  RETURN_IF_ERROR(product->Describe(problem));
  return product;
}

absl::Status CublasLtProduct::Describe(const MatmulProblem& problem) {
  cublasLtMatmulDesc_t operation = nullptr;
  RETURN_IF_ERROR(functions_.Check(functions_.product_create(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                                   "cublasLtMatmulDescCreate"));
  operation_.reset(operation);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    return functions_.Check(functions_.product_set(operation, attribute, &value, sizeof(value)),
                            "cublasLtMatmulDescSetAttribute");
  };
  const ColumnMajorProduct product = ColumnMajorOf(problem);
  const int32_t transposed = product.first_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  RETURN_IF_ERROR(set(CUBLASLT_MATMUL_DESC_TRANSA, transposed));
  if (problem.has_bias) {
    const uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    RETURN_IF_ERROR(set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue));
    // Heuristics take the alignment from the address, and it must not be better than any bias will have.
    RETURN_IF_ERROR(SetBias(reinterpret_cast<const void*>(MatmulLibrary::kAlignment)));
  }
  RETURN_IF_ERROR(DescribeMatrix(product.first, product.batch, first_));
  RETURN_IF_ERROR(DescribeMatrix(product.second, product.batch, second_));
  return DescribeMatrix(product.output, product.batch, output_);
}

absl::Status CublasLtProduct::SetBias(const void* bias) {
  return functions_.Check(
      functions_.product_set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof(bias)),
      "cublasLtMatmulDescSetAttribute");
}

absl::Status CublasLtProduct::DescribeMatrix(const ColumnMajorMatrix& matrix, int64_t batch, Layout& layout) {
  cublasLtMatrixLayout_t created = nullptr;
  RETURN_IF_ERROR(
      functions_.Check(functions_.layout_create(&created, TypeOf(matrix.dtype), static_cast<uint64_t>(matrix.rows),
                                                static_cast<uint64_t>(matrix.columns), matrix.pitch),
                       "cublasLtMatrixLayoutCreate"));
  layout.reset(created);
  if (batch == 1) return absl::OkStatus();
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute, const auto& value) {
    return functions_.Check(functions_.layout_set(created, attribute, &value, sizeof(value)),
                            "cublasLtMatrixLayoutSetAttribute");
  };
  RETURN_IF_ERROR(set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(batch)));
  return set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.stride);
}

}  // namespace metronome::kernels::cuda
