#ifndef METRONOME_TESTS_KERNELS_SUPPORT_HOST_TENSOR_H_
#define METRONOME_TESTS_KERNELS_SUPPORT_HOST_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/interface/dtype.h"
#include "kernels/interface/tensor_view.h"

namespace metronome::testing {

// A tensor read and written as float64; copies share its bytes. They end at an unmapped page, so that a kernel that
// reads or writes past the end faults, and begin wherever that puts them: aligned to an element, as weights in a mapped
// file are.
class HostTensor {
 public:
  HostTensor(kernels::DType dtype, const kernels::Shape& shape);

  // Uniform in [low, high], rounded to the dtype; bool is low or 1 with even odds.
  static HostTensor Random(kernels::DType dtype, const kernels::Shape& shape, uint64_t seed, double low = -1,
                           double high = 1);
  static HostTensor Of(kernels::DType dtype, const kernels::Shape& shape, const std::vector<double>& values);

  kernels::DType dtype() const { return dtype_; }
  const kernels::Shape& shape() const { return shape_; }
  int64_t elements() const { return shape_.elements(); }
  double At(int64_t index) const;
  void Set(int64_t index, double value);
  std::vector<double> Values() const;
  // The first rows, in the same memory.
  HostTensor First(int64_t rows) const;
  kernels::TensorView View() const { return {.data = data(), .dtype = dtype_, .shape = shape_}; }

  // Nothing was written before the tensor.
  bool GuardIntact() const;
  bool SameBytes(const HostTensor& other) const;

 private:
  std::byte* data() const { return memory_.get() + start_; }
  size_t bytes() const { return static_cast<size_t>(elements()) * kernels::SizeOf(dtype_); }

  kernels::DType dtype_;
  kernels::Shape shape_;
  size_t start_;  // Of the tensor in memory_.
  std::shared_ptr<std::byte> memory_;
};

// `value` as a number of that dtype.
double RoundTo(kernels::DType dtype, double value);

// Largest relative error of one rounding to the dtype.
double UnitRoundoff(kernels::DType dtype);

// Each element of `got` is `want` up to `error[i]` in float32 arithmetic and then one rounding to got's dtype. NaN
// matches NaN; an infinity matches itself and anything that rounds to it.
void ExpectClose(const HostTensor& got, const std::vector<double>& want, const std::vector<double>& error);
// The same, with an error of `ulps` float32 units of each wanted value.
void ExpectWithinUlps(const HostTensor& got, const std::vector<double>& want, double ulps);

constexpr kernels::DType kFloats[] = {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16};

std::string ToString(const kernels::Shape& shape);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_SUPPORT_HOST_TENSOR_H_
