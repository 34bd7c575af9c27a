// A libcublasLt for tests without a device, written from cublasLt.h: descriptors, heuristics that find three algorithms
// for what the header and the tests' descriptions allow, and products by plain loops. What the real library refuses, or
// reads as something else, must fail here too: sizes of attributes, types, alignment.

#include "tests/kernels/cuda/fakes/fake_cublaslt.h"

#include <cublasLt.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tests/kernels/cuda/fakes/column_major_loops.h"

using metronome::kernels::DType;
using metronome::kernels::cuda::ColumnMajorMatrix;
using metronome::testing::ColumnMajorOperand;
using metronome::testing::FakeCublasLtState;

namespace {

FakeCublasLtState state;

// Attributes as they were set.
struct Product {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  int32_t transposed[2] = {CUBLAS_OP_N, CUBLAS_OP_N};
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct Layout {
  cudaDataType_t type;
  uint64_t rows, columns;
  int64_t pitch;
  int32_t batch = 1;
  int64_t stride = 0;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t alignment[4] = {256, 256, 256, 256};
};

template <typename Value>
cublasStatus_t Assign(Value& to, const void* from, size_t bytes) {
  if (from == nullptr || bytes != sizeof(Value)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

template <typename Opaque, typename Object>
cublasStatus_t Give(Opaque** out, Object* object) {
  ++state.live_objects;
  *out = reinterpret_cast<Opaque*>(object);
  return CUBLAS_STATUS_SUCCESS;
}
template <typename Object>
cublasStatus_t Drop(void* object) {
  --state.live_objects;
  delete static_cast<Object*>(object);
  return CUBLAS_STATUS_SUCCESS;
}
template <typename Object>
const Object& Of(const void* opaque) {
  return *static_cast<const Object*>(opaque);
}

ColumnMajorMatrix MatrixOf(const Layout& layout) {
  const DType dtype = layout.type == CUDA_R_16BF  ? DType::kBFloat16
                      : layout.type == CUDA_R_16F ? DType::kFloat16
                                                  : DType::kFloat32;
  return {dtype, static_cast<int64_t>(layout.rows), static_cast<int64_t>(layout.columns), layout.pitch, layout.stride};
}

// The types and sizes that cublasLtMatmul's table allows, of those that are asked for here.
bool IsSupported(const Product& product, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  if (product.compute != CUBLAS_COMPUTE_32F || product.scale != CUDA_R_32F) return false;
  if (a.type != b.type || c.type != d.type || (d.type != a.type && d.type != CUDA_R_32F)) return false;
  if (a.batch != b.batch || a.batch != c.batch || a.batch != d.batch) return false;
  return product.epilogue == CUBLASLT_EPILOGUE_DEFAULT || product.epilogue == CUBLASLT_EPILOGUE_BIAS;
}

bool IsAligned(const void* data, uint64_t bytes) { return reinterpret_cast<uintptr_t>(data) % bytes == 0; }

constexpr uint64_t kNeedsAlignment = 16;  // Of every algorithm.
constexpr uint64_t kWorkspace = 1000;     // Of the second.

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

FakeCublasLtState* FakeCublasLt() { return &state; }

size_t cublasLtGetVersion() { return 130204; }
const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_INITIALIZED ? "CUBLAS_STATUS_NOT_INITIALIZED" : "CUBLAS_STATUS_OTHER";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (!state.has_device) return CUBLAS_STATUS_NOT_INITIALIZED;
  return Give(handle, new int(7));
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return Drop<int>(handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* out, cublasComputeType_t compute, cudaDataType_t scale) {
  return Give(out, new Product{compute, scale});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) { return Drop<Product>(product); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t opaque, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  auto& product = *reinterpret_cast<Product*>(opaque);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return Assign(product.transposed[0], value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return Assign(product.transposed[1], value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return Assign(product.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return Assign(product.bias, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* out, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t pitch) {
  return Give(out, new Layout{type, rows, columns, pitch});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return Drop<Layout>(layout); }
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t opaque,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                size_t bytes) {
  auto& layout = *reinterpret_cast<Layout*>(opaque);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return Assign(layout.batch, value, bytes);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET) return Assign(layout.stride, value, bytes);
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* out) { return Give(out, new Preference); }
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return Drop<Preference>(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t opaque,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  auto& preference = *reinterpret_cast<Preference*>(opaque);
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return Assign(preference.workspace, value, bytes);
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) return Assign(preference.reductions, value, bytes);
  const int operand = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  if (operand < 0 || operand > 3) return CUBLAS_STATUS_INVALID_VALUE;
  return Assign(preference.alignment[operand], value, bytes);
}

// The first and the third algorithm need no workspace; of five, the others are for what is not allowed.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t opaque, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  ++state.heuristics;
  const auto& product = Of<Product>(operation);
  const auto& preference = Of<Preference>(opaque);
  *found = 0;
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!IsSupported(product, Of<Layout>(a), Of<Layout>(b), Of<Layout>(c), Of<Layout>(d)))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (*std::min_element(preference.alignment, preference.alignment + 4) < kNeedsAlignment ||
      (product.epilogue == CUBLASLT_EPILOGUE_BIAS && (product.bias == nullptr || !IsAligned(product.bias, 16))))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const auto add = [&](uint64_t algorithm, size_t workspace, cublasStatus_t status) {
    if (*found == requested) return;
    results[*found] = {};
    results[*found].algo.data[0] = algorithm;
    results[*found].workspaceSize = workspace;
    results[*found].state = status;
    ++*found;
  };
  add(11, 0, CUBLAS_STATUS_SUCCESS);
  if (preference.workspace >= kWorkspace) add(12, kWorkspace, CUBLAS_STATUS_SUCCESS);
  add(13, 0, CUBLAS_STATUS_NOT_SUPPORTED);
  if ((preference.reductions & CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE) != 0) add(14, 0, CUBLAS_STATUS_SUCCESS);
  add(15, 0, CUBLAS_STATUS_SUCCESS);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void* alpha, const void* A,
                              cublasLtMatrixLayout_t a, const void* B, cublasLtMatrixLayout_t b, const void* beta,
                              const void* C, cublasLtMatrixLayout_t c, void* D, cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t bytes,
                              cudaStream_t stream) {
  const auto& product = Of<Product>(operation);
  const auto &first = Of<Layout>(a), &second = Of<Layout>(b), &addend = Of<Layout>(c), &output = Of<Layout>(d);
  if (handle == nullptr || !IsSupported(product, first, second, addend, output)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (algorithm->data[0] == 12 && (bytes < kWorkspace || workspace == nullptr)) return CUBLAS_STATUS_INVALID_VALUE;
  for (const void* const data : {A, B, C, static_cast<const void*>(D)}) {
    if (data == nullptr || !IsAligned(data, kNeedsAlignment)) return CUBLAS_STATUS_INVALID_VALUE;
  }
  float scale = 0, addend_scale = 0;
  std::memcpy(&scale, alpha, sizeof(scale));
  std::memcpy(&addend_scale, beta, sizeof(addend_scale));
  if (scale != 1 || (addend_scale != 0 && addend_scale != 1)) return CUBLAS_STATUS_NOT_SUPPORTED;
  state.algorithms.push_back(static_cast<int>(algorithm->data[0]));
  state.stream = stream;
  const void* const bias = product.epilogue == CUBLASLT_EPILOGUE_BIAS ? product.bias : nullptr;
  const bool multiplied =
      metronome::testing::MultiplyColumnMajor({MatrixOf(first), A, product.transposed[0] == CUBLAS_OP_T},
                                              {MatrixOf(second), B, product.transposed[1] == CUBLAS_OP_T}, bias,
                                              addend_scale == 0 ? nullptr : C, MatrixOf(output), output.batch, D);
  return multiplied ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

}  // extern "C"
#pragma GCC visibility pop
