#ifndef METRONOME_KERNELS_CUDA_ROWS_ELEMENTWISE_H_
#define METRONOME_KERNELS_CUDA_ROWS_ELEMENTWISE_H_

#include <cstdint>

#include "kernels/catalogue/ops.h"
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/primitives/strided.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// y[i] = op(x[i]) for float dtypes; an op of METRONOME_UNARY_OPS. y may be x.
struct UnaryArgs {
  Op op;
  DType dtype;
  const void* x = nullptr;
  void* y = nullptr;
  int64_t elements = 0;
};
void LaunchUnary(const DeviceContext& context, const UnaryArgs& args);

// y = op(a, b) for floats and int32; an op of METRONOME_BINARY_OPS. int32 wraps; x / 0 is 0. y may be an operand that
// it is as large as.
struct BinaryArgs {
  Op op;
  DType dtype;
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  StridedWalk<2> walk;  // Collapsed; of y over a, b.
};
void LaunchBinary(const DeviceContext& context, const BinaryArgs& args);

// y (bool) = op(a, b) for floats and int32; an op of METRONOME_COMPARE_OPS.
struct CompareArgs {
  Op op;
  DType dtype;
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  StridedWalk<2> walk;
};
void LaunchCompare(const DeviceContext& context, const CompareArgs& args);

// y = a && b, of bool.
struct AndArgs {
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  StridedWalk<2> walk;
};
void LaunchAnd(const DeviceContext& context, const AndArgs& args);

// y = condition ? a : b for elements of any dtype of 1, 2 or 4 bytes.
struct SelectArgs {
  int element_bytes = 0;
  const void* condition = nullptr;  // bool.
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
  StridedWalk<3> walk;  // Over condition, a, b.
};
void LaunchSelect(const DeviceContext& context, const SelectArgs& args);

// y[i] = x[i] as the other dtype. To int32: truncated, saturated, NaN is 0. To bool: whether it is not 0.
struct CastArgs {
  DType from, to;
  const void* x = nullptr;
  void* y = nullptr;
  int64_t elements = 0;
};
void LaunchCast(const DeviceContext& context, const CastArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_ELEMENTWISE_H_
