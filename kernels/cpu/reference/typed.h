#ifndef METRONOME_KERNELS_CPU_REFERENCE_TYPED_H_
#define METRONOME_KERNELS_CPU_REFERENCE_TYPED_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "kernels/interface/dtype.h"
#include "kernels/interface/tensor_view.h"

namespace metronome::kernels::cpu {

// A value that only carries a type.
template <typename T>
struct Tag {
  using Type = T;
};

// Calls function(Tag<storage type>) for a float dtype.
template <typename Function>
auto WithFloatType(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::kBFloat16:
      return function(Tag<BFloat16>());
    case DType::kFloat16:
      return function(Tag<Float16>());
    default:
      return function(Tag<float>());
  }
}

// The same for every dtype; bool is a byte of 0 or 1.
template <typename Function>
auto WithAnyType(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::kInt32:
      return function(Tag<int32_t>());
    case DType::kBool:
      return function(Tag<uint8_t>());
    default:
      return WithFloatType(dtype, std::forward<Function>(function));
  }
}

// "silu" or "gelu_tanh" (Hendrycks & Gimpel 2016, arXiv:1606.08415).
inline double (*ActivationOf(absl::string_view name))(double) {
  if (name == "silu") return [](double x) { return x / (1 + std::exp(-x)); };
  return [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); };
}

// Strides, in elements, that read `from` as if it had the shape `to`: 0 along broadcast axes.
inline std::array<int64_t, kMaxRank> BroadcastStrides(const Shape& from, const Shape& to) {
  std::array<int64_t, kMaxRank> strides{};
  int64_t stride = 1;
  for (int axis = from.rank() - 1; axis >= 0; --axis) {
    strides[axis + to.rank() - from.rank()] = from[axis] == 1 ? 0 : stride;
    stride *= from[axis];
  }
  return strides;
}

// Offset of row `row` (all axes of `shape` but the last, flattened) under these strides.
inline int64_t RowOffset(int64_t row, const Shape& shape, const std::array<int64_t, kMaxRank>& strides) {
  int64_t offset = 0;
  for (int axis = shape.rank() - 2; axis >= 0; --axis) {
    offset += row % shape[axis] * strides[axis];
    row /= shape[axis];
  }
  return offset;
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_REFERENCE_TYPED_H_
