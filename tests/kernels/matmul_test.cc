#include <cmath>
#include <limits>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

class MatmulTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(MatmulTest);

struct Problem {
  kernels::Shape a, b, output;  // b as [..., K, N].
};

const Problem kProblems[] = {
    {{1, 1}, {1, 1}, {1, 1}},
    {{3, 17}, {17, 5}, {3, 5}},
    {{1, 64}, {64, 33}, {1, 33}},
    {{9, 31}, {31, 66}, {9, 66}},
    {{2, 3, 7, 9}, {2, 3, 9, 4}, {2, 3, 7, 4}},
    {{4, 1, 5, 8}, {3, 8, 19}, {4, 3, 5, 19}},
    {{2, 6, 5}, {5, 3}, {2, 6, 3}},
    {{1, 2, 1, 3, 4, 5}, {2, 1, 3, 1, 5, 6}, {2, 2, 3, 3, 4, 6}},
    {{3, 0}, {0, 4}, {3, 4}},
    {{2, 0, 4}, {2, 4, 3}, {2, 0, 3}},
    {{5, 40, 3}, {5, 3, 40}, {5, 40, 40}},
};

// Offset, in matrices, of the operand that output matrix `matrix` reads.
int64_t MatrixAt(int64_t matrix, const kernels::Shape& operand, const kernels::Shape& output) {
  int64_t at = 0, stride = 1;
  for (int axis = 3; axis <= output.rank(); ++axis) {
    const int64_t target = output[output.rank() - axis],
                  size = axis <= operand.rank() ? operand[operand.rank() - axis] : 1;
    at += (size == 1 ? 0 : matrix % target) * stride;
    stride *= size;
    matrix /= target;
  }
  return at;
}

kernels::Shape SwapLast(kernels::Shape shape) {
  std::swap(shape[shape.rank() - 1], shape[shape.rank() - 2]);
  return shape;
}

TEST_P(MatmulTest, MatchesFloat64WithBothLayoutsAndOutputs) {
  for (const kernels::DType dtype : kFloats) {
    for (const Problem& p : kProblems) {
      for (const bool transposed : {false, true}) {
        for (const kernels::DType out : {dtype, kernels::DType::kFloat32}) {
          SCOPED_TRACE(std::string(kernels::Name(dtype)) + ToString(p.a) + ToString(p.b) +
                       (transposed ? " transposed" : ""));
          const HostTensor a = HostTensor::Random(dtype, p.a, 61),
                           b = HostTensor::Random(dtype, transposed ? SwapLast(p.b) : p.b, 62), y(out, p.output);
          const int64_t rows = p.output[p.output.rank() - 2], columns = p.output.back(), inner = p.a.back();
          std::vector<double> want, error;
          for (int64_t i = 0; i < y.elements(); ++i) {
            const int64_t matrix = i / (rows * columns), row = i / columns % rows, column = i % columns;
            const int64_t left = MatrixAt(matrix, p.a, p.output) * rows * inner + row * inner,
                          right = MatrixAt(matrix, p.b, p.output) * inner * columns;
            double sum = 0, magnitude = 0;
            for (int64_t k = 0; k < inner; ++k) {
              const double term =
                  a.At(left + k) * b.At(right + (transposed ? column * inner + k : k * columns + column));
              sum += term;
              magnitude += std::abs(term);
            }
            want.push_back(sum);
            error.push_back((4 * std::sqrt(static_cast<double>(inner)) + 4) * 0x1p-24 * magnitude);  // As for linear.
          }

          ASSERT_TRUE(Run("matmul", {a, b}, y, {{"transpose_b", int64_t{transposed}}}).ok());

          ExpectClose(y, want, error);
        }
      }
    }
  }
}

TEST_P(MatmulTest, NanStaysInItsRowAndColumn) {
  for (const bool transposed : {false, true}) {
    HostTensor a = HostTensor::Random(kernels::DType::kFloat32, {2, 11, 20}, 63),
               b = HostTensor::Random(kernels::DType::kFloat32,
                                      transposed ? kernels::Shape{2, 35, 20} : kernels::Shape{2, 20, 35}, 64);
    a.Set(220 + 4 * 20 + 19, std::numeric_limits<double>::quiet_NaN());          // Row 4 of the second matrix.
    b.Set(transposed ? 34 * 20 : 34, std::numeric_limits<double>::quiet_NaN());  // Column 34 of the first.
    const HostTensor y(kernels::DType::kFloat32, {2, 11, 35});
    ASSERT_TRUE(Run("matmul", {a, b}, y, {{"transpose_b", int64_t{transposed}}}).ok());
    for (int64_t i = 0; i < y.elements(); ++i) {
      const int64_t matrix = i / 385, row = i / 35 % 11, column = i % 35;
      EXPECT_EQ(std::isnan(y.At(i)), (matrix == 1 && row == 4) || (matrix == 0 && column == 34)) << i;
    }
  }
}

}  // namespace
}  // namespace metronome::testing
