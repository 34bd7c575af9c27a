#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

// Products of as many rows as prompts have, of sizes that keep rows aligned: what a backend may leave to a library.
// Each way that it offers must give the same result.
class LibraryTest : public KernelTest {
 protected:
  // The kernel as it chooses, then with every algorithm that there is.
  void RunAll(absl::string_view name, const std::vector<HostTensor>& inputs, const std::vector<HostTensor>& outputs,
              const kernels::Attributes& attributes, const std::function<void()>& expect) {
    std::vector<kernels::TensorView> in, out;
    for (const HostTensor& input : inputs) in.push_back(input.View());
    for (const HostTensor& output : outputs) out.push_back(output.View());
    const kernels::Kernel* const kernel = backend().FindKernel(name).value();
    std::vector<kernels::Attributes> ways = {attributes};
    for (const kernels::TuningParameter& parameter :
         backend().TuningSpace(*kernel, {.inputs = in, .outputs = out, .attributes = &attributes})) {
      if (parameter.name != "tune_library") continue;
      for (const int64_t value : parameter.values) {
        ways.push_back(attributes);
        ways.back().Set(parameter.name, value);
      }
    }
    for (const kernels::Attributes& way : ways) {
      SCOPED_TRACE(std::string(name) + " " + way.ToString());
      for (const HostTensor& output : outputs) {
        for (int64_t i = 0; i < output.elements(); ++i) HostTensor(output).Set(i, 77);
      }
      ASSERT_TRUE(Run(name, inputs, outputs, way).ok());
      expect();
    }
  }
};
METRONOME_TEST_ALL_VARIANTS(LibraryTest);

// Sums in float64, and what float32's rounding may do to them: as in linear_test.cc.
struct Sums {
  std::vector<double> values, errors;

  void Add(double sum, double magnitude, int64_t terms) {
    values.push_back(sum);
    errors.push_back((4 * std::sqrt(static_cast<double>(terms)) + 4) * 0x1p-24 * magnitude);
  }
};

Sums Product(const HostTensor& x, const HostTensor& w, const HostTensor* bias = nullptr,
             const HostTensor* residual = nullptr) {
  const int64_t m = x.shape()[0], n = w.shape()[0], k = x.shape()[1];
  const std::vector<double> a = x.Values(), b = w.Values();
  Sums sums;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const double first = bias == nullptr ? 0 : bias->At(j),
                   second = residual == nullptr ? 0 : residual->At(i * n + j);
      double sum = first + second, magnitude = std::abs(first) + std::abs(second);
      for (int64_t l = 0; l < k; ++l) {
        sum += a[i * k + l] * b[j * k + l];
        magnitude += std::abs(a[i * k + l] * b[j * k + l]);
      }
      sums.Add(sum, magnitude, k);
    }
  }
  return sums;
}

constexpr int64_t kRows = 72, kInner = 40;

TEST_P(LibraryTest, LinearWithEveryEpilogue) {
  for (const kernels::DType dtype : kFloats) {
    for (int mode = 0; mode < 8; ++mode) {
      const bool has_bias = (mode & 1) != 0, has_residual = (mode & 2) != 0, wide = (mode & 4) != 0;
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " mode " + std::to_string(mode));
      const HostTensor x = HostTensor::Random(dtype, {kRows, kInner}, 31),
                       w = HostTensor::Random(dtype, {88, kInner}, 32), bias = HostTensor::Random(dtype, {88}, 33),
                       residual = HostTensor::Random(dtype, {kRows, 88}, 34),
                       y(wide ? kernels::DType::kFloat32 : dtype, {kRows, 88});
      std::vector<HostTensor> inputs = {x, w};
      if (has_bias) inputs.push_back(bias);
      if (has_residual) inputs.push_back(residual);
      const Sums want = Product(x, w, has_bias ? &bias : nullptr, has_residual ? &residual : nullptr);
      RunAll("linear", inputs, {y}, {{"has_bias", int64_t{has_bias}}, {"has_residual", int64_t{has_residual}}},
             [&] { ExpectClose(y, want.values, want.errors); });
    }
  }
}

TEST_P(LibraryTest, LinearGroup) {
  for (const kernels::DType dtype : kFloats) {
    for (const bool has_bias : {false, true}) {
      SCOPED_TRACE(kernels::Name(dtype));
      std::vector<HostTensor> inputs = {HostTensor::Random(dtype, {kRows, kInner}, 35)}, biases, outputs;
      std::vector<Sums> want;
      for (const int64_t columns : {64, 0, 24}) {
        inputs.push_back(HostTensor::Random(dtype, {columns, kInner}, 36 + columns));
        biases.push_back(HostTensor::Random(dtype, {columns}, 37 + columns));
        outputs.push_back(HostTensor(dtype, {kRows, columns}));
        want.push_back(Product(inputs[0], inputs.back(), has_bias ? &biases.back() : nullptr));
      }
      if (has_bias) inputs.insert(inputs.end(), biases.begin(), biases.end());
      RunAll("linear_group", inputs, outputs, {{"has_bias", int64_t{has_bias}}}, [&] {
        for (size_t part = 0; part < outputs.size(); ++part)
          ExpectClose(outputs[part], want[part].values, want[part].errors);
      });
    }
  }
}

double Activate(absl::string_view activation, double x) {
  if (activation == "silu") return x / (1 + std::exp(-x));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// Each product is rounded, and so is the activated one: the errors of all three. An activation's slope is below 1.13.
TEST_P(LibraryTest, GatedLinear) {
  for (const kernels::DType dtype : kFloats) {
    for (const char* const activation : {"silu", "gelu_tanh"}) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + activation);
      const HostTensor x = HostTensor::Random(dtype, {kRows, kInner}, 41),
                       gate = HostTensor::Random(dtype, {56, kInner}, 42),
                       up = HostTensor::Random(dtype, {56, kInner}, 43), y(dtype, {kRows, 56});
      const Sums gates = Product(x, gate), ups = Product(x, up);
      const double unit = UnitRoundoff(dtype);
      std::vector<double> want, error;
      for (int64_t i = 0; i < y.elements(); ++i) {
        const double activated = Activate(activation, gates.values[i]), factor = ups.values[i];
        const double of_activated = 1.13 * (unit * std::abs(gates.values[i]) + gates.errors[i]) +
                                    (unit + 0x1p-20) * std::abs(activated),
                     of_factor = unit * std::abs(factor) + ups.errors[i];
        want.push_back(activated * factor);
        error.push_back(of_activated * (std::abs(factor) + of_factor) + of_factor * std::abs(activated) + 0x1p-24);
      }
      RunAll("gated_linear", {x, gate, up}, {y}, {{"activation", std::string(activation)}},
             [&] { ExpectClose(y, want, error); });
    }
  }
}

struct Batch {
  kernels::Shape a, b, y;  // b as [..., N, K].
};

TEST_P(LibraryTest, MatmulOfBatches) {
  for (const kernels::DType dtype : kFloats) {
    for (const Batch& p : {Batch{{72, 40}, {24, 40}, {72, 24}},
                           {{3, 64, 16}, {3, 8, 16}, {3, 64, 8}},
                           {{64, 16}, {3, 24, 16}, {3, 64, 24}},
                           {{2, 2, 40, 8}, {16, 8}, {2, 2, 40, 16}},
                           {{2, 1, 64, 8}, {2, 3, 8, 8}, {2, 3, 64, 8}}}) {
      for (const bool transposed : {false, true}) {
        for (const kernels::DType out : {dtype, kernels::DType::kFloat32}) {
          SCOPED_TRACE(std::string(kernels::Name(dtype)) + ToString(p.a) + ToString(p.b) +
                       (transposed ? " transposed" : ""));
          kernels::Shape b_shape = p.b;
          if (!transposed) std::swap(b_shape[b_shape.rank() - 1], b_shape[b_shape.rank() - 2]);
          const HostTensor a = HostTensor::Random(dtype, p.a, 51), b = HostTensor::Random(dtype, b_shape, 52),
                           y(out, p.y);
          const int64_t m = p.y[p.y.rank() - 2], n = p.y.back(), k = p.a.back(), outer = p.y.rank() > 3 ? p.y[1] : 1;
          // The matrix of an operand: its own, one for each outer index, or one for all.
          const auto at = [&](const HostTensor& tensor, int64_t rows, int64_t matrix) {
            const int64_t matrices = tensor.elements() / (rows * k), all = y.elements() / (m * n);
            return (matrices == all ? matrix : matrices == 1 ? 0 : matrix / outer) * rows * k;
          };
          Sums want;
          for (int64_t i = 0; i < y.elements(); ++i) {
            const int64_t matrix = i / (m * n), row = i / n % m, column = i % n;
            double sum = 0, magnitude = 0;
            for (int64_t l = 0; l < k; ++l) {
              const double term = a.At(at(a, m, matrix) + row * k + l) *
                                  b.At(at(b, n, matrix) + (transposed ? column * k + l : l * n + column));
              sum += term;
              magnitude += std::abs(term);
            }
            want.Add(sum, magnitude, k);
          }
          RunAll("matmul", {a, b}, {y}, {{"transpose_b", int64_t{transposed}}},
                 [&] { ExpectClose(y, want.values, want.errors); });
        }
      }
    }
  }
}

}  // namespace
}  // namespace metronome::testing
