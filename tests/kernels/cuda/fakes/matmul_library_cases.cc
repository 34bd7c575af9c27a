#include "tests/kernels/cuda/fakes/matmul_library_cases.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {
namespace {

using kernels::cuda::MatmulProblem;

// A tensor's values at an address that a library takes.
class Aligned {
 public:
  explicit Aligned(const HostTensor& tensor)
      : bytes_(static_cast<size_t>(tensor.View().bytes())), memory_(bytes_ / sizeof(std::max_align_t) + 1) {
    std::memcpy(memory_.data(), tensor.View().data, bytes_);
  }
  void* data() { return memory_.data(); }
  void Fetch(const HostTensor& tensor) const { std::memcpy(tensor.View().data, memory_.data(), bytes_); }

 private:
  size_t bytes_;
  std::vector<std::max_align_t> memory_;
};

std::string Describe(const MatmulProblem& p) {
  return std::string(kernels::Name(p.dtype)) + " m " + std::to_string(p.m) + " n " + std::to_string(p.n) + " k " +
         std::to_string(p.k) + " batch " + std::to_string(p.batch) + " strides " + std::to_string(p.a_stride) + ", " +
         std::to_string(p.b_stride) + (p.transposed ? " transposed" : "") + (p.wide ? " wide" : "") +
         (p.has_bias ? " bias" : "") + (p.has_residual ? " residual" : "");
}

// How far sums in float32 may be off: as in linear_test.cc.
void ExpectProduct(const MatmulProblem& p, const HostTensor& a, const HostTensor& b, const HostTensor& bias,
                   const HostTensor& residual, const HostTensor& y) {
  std::vector<double> want, error;
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t matrix = i / (p.m * p.n), row = i / p.n % p.m, column = i % p.n;
    double sum = 0, magnitude = 0;
    const auto add = [&](double term) {
      sum += term;
      magnitude += std::abs(term);
    };
    for (int64_t l = 0; l < p.k; ++l)
      add(a.At(matrix * p.a_stride + row * p.k + l) *
          b.At(matrix * p.b_stride + (p.transposed ? column * p.k + l : l * p.n + column)));
    if (p.has_bias) add(bias.At(column));
    if (p.has_residual) add(residual.At(i));
    want.push_back(sum);
    error.push_back((4 * std::sqrt(static_cast<double>(p.k)) + 4) * 0x1p-24 * magnitude);
  }
  ExpectClose(y, want, error);
}

void ExpectProblem(kernels::cuda::MatmulLibrary& library, const MatmulProblem& p) {
  SCOPED_TRACE(Describe(p));
  const int64_t batch = p.batch;
  const HostTensor a = HostTensor::Random(p.dtype, {p.a_stride == 0 ? 1 : batch, p.m, p.k}, 71),
                   b = HostTensor::Random(p.dtype, {p.b_stride == 0 ? 1 : batch, p.n, p.k}, 72),
                   bias = HostTensor::Random(p.dtype, {p.n}, 73),
                   residual = HostTensor::Random(p.dtype, {batch, p.m, p.n}, 74),
                   y = HostTensor::Random(p.wide ? kernels::DType::kFloat32 : p.dtype, {batch, p.m, p.n}, 75);
  const int algorithms = library.Prepare(p);
  ASSERT_GT(algorithms, 0);
  EXPECT_EQ(library.Prepared(p), algorithms);
  for (int algorithm = 0; algorithm < algorithms; ++algorithm) {
    for (const bool in_place : {false, true}) {
      if (in_place && !p.has_residual) continue;
      Aligned x(a), w(b), added(bias), addend(residual), output(y);
      Aligned& result = in_place ? addend : output;
      ASSERT_TRUE(library.Run(nullptr, p, algorithm,
                              {.a = x.data(),
                               .b = w.data(),
                               .bias = p.has_bias ? added.data() : nullptr,
                               .residual = p.has_residual ? addend.data() : nullptr,
                               .y = result.data()}));
      const HostTensor values(y.dtype(), y.shape());
      result.Fetch(values);
      ExpectProduct(p, a, b, bias, residual, values);
    }
  }
}

}  // namespace

void ExpectProductsOf(kernels::cuda::MatmulLibrary& library) {
  for (const kernels::DType dtype : kFloats) {
    for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 1, 1}, {3, 5, 7}, {16, 9, 33}, {5, 24, 64}, {70, 2, 3}}) {
      for (const bool transposed : {false, true}) {
        for (const int64_t batch : {1, 3}) {
          for (int mode = 0; mode < 5; ++mode) {
            MatmulProblem p = {.dtype = dtype, .transposed = transposed, .m = m, .n = n, .k = k, .batch = batch};
            p.has_bias = mode == 1 || mode == 3;
            p.has_residual = mode == 2 || mode == 3;
            p.wide = mode == 4;
            if (batch > 1) {
              if (p.has_bias) continue;  // No kernel adds one to a batch.
              p.a_stride = mode == 2 ? 0 : m * k;
              p.b_stride = mode == 4 ? 0 : n * k;
            }
            ExpectProblem(library, p);
          }
        }
      }
    }
  }
}

}  // namespace metronome::testing
