#include "tests/kernels/cuda/fakes/column_major_loops.h"

#include "kernels/interface/convert.h"

namespace metronome::testing {
namespace {

using kernels::cuda::ColumnMajorMatrix;

float Read(const void* data, kernels::DType dtype, int64_t at) {
  float value = 0;
  kernels::ConvertToFloat32(static_cast<const char*>(data) + at * static_cast<int64_t>(kernels::SizeOf(dtype)), dtype,
                            &value, 1);
  return value;
}

void Write(void* data, kernels::DType dtype, int64_t at, float value) {
  kernels::ConvertElements(&value, kernels::DType::kFloat32,
                           static_cast<char*>(data) + at * static_cast<int64_t>(kernels::SizeOf(dtype)), dtype, 1);
}

int64_t At(const ColumnMajorMatrix& matrix, int64_t number, int64_t row, int64_t column) {
  return number * matrix.stride + column * matrix.pitch + row;
}

float ReadOperand(const ColumnMajorOperand& operand, int64_t number, int64_t row, int64_t column) {
  const int64_t at =
      operand.transposed ? At(operand.layout, number, column, row) : At(operand.layout, number, row, column);
  return Read(operand.data, operand.layout.dtype, at);
}

}  // namespace

bool MultiplyColumnMajor(const ColumnMajorOperand& first, const ColumnMajorOperand& second, const void* bias,
                         const void* addend, const ColumnMajorMatrix& layout, int64_t batch, void* output) {
  const auto rows = [](const ColumnMajorOperand& o) { return o.transposed ? o.layout.columns : o.layout.rows; };
  const auto columns = [](const ColumnMajorOperand& o) { return o.transposed ? o.layout.rows : o.layout.columns; };
  for (const ColumnMajorMatrix& matrix : {first.layout, second.layout, layout}) {
    if (matrix.pitch < matrix.rows || matrix.rows < 1 || matrix.columns < 1) return false;
  }
  if (rows(first) != layout.rows || columns(second) != layout.columns || columns(first) != rows(second)) return false;
  for (int64_t number = 0; number < batch; ++number) {
    for (int64_t column = 0; column < layout.columns; ++column) {
      for (int64_t row = 0; row < layout.rows; ++row) {
        const int64_t at = At(layout, number, row, column);
        float sum = 0;
        for (int64_t i = columns(first) - 1; i >= 0; --i)
          sum += ReadOperand(first, number, row, i) * ReadOperand(second, number, i, column);
        if (addend != nullptr) sum += Read(addend, layout.dtype, at);
        if (bias != nullptr) sum += Read(bias, layout.dtype, row);
        Write(output, layout.dtype, at, sum);
      }
    }
  }
  return true;
}

}  // namespace metronome::testing
