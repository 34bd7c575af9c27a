#ifndef METRONOME_KERNELS_INTERFACE_TENSOR_VIEW_H_
#define METRONOME_KERNELS_INTERFACE_TENSOR_VIEW_H_

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>

#include "absl/types/span.h"
#include "kernels/interface/dtype.h"

namespace metronome::kernels {

inline constexpr int kMaxRank = 6;

// Up to kMaxRank sizes, outermost first. Rank 0 is a scalar of one element.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(absl::Span<const int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(absl::Span<const int64_t> dims) : rank_(static_cast<int>(dims.size())) {
    assert(rank_ <= kMaxRank);
    std::copy(dims.begin(), dims.end(), dims_.begin());
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t& operator[](int axis) { return dims_[axis]; }
  int64_t back() const { return dims_[rank_ - 1]; }
  absl::Span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  int64_t elements() const {
    int64_t product = 1;
    for (int64_t dim : dims()) product *= dim;
    return product;
  }
  friend bool operator==(const Shape& a, const Shape& b) { return a.dims() == b.dims(); }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

// A borrowed, dense, row-major tensor in the memory of one backend. Outputs are written through the same type.
struct TensorView {
  void* data = nullptr;  // 64-byte aligned when it starts a buffer; nullptr only where elements() == 0.
  DType dtype = DType::kFloat32;
  Shape shape;

  int64_t elements() const { return shape.elements(); }
  int64_t bytes() const { return elements() * static_cast<int64_t>(SizeOf(dtype)); }
  // Rows when all axes but the last are flattened; 1 for rank 0 and 1.
  int64_t rows() const { return shape.rank() == 0 ? 1 : elements() / std::max<int64_t>(shape.back(), 1); }

  template <typename T>
  T* as() const {
    static_assert(sizeof(T) <= 4);
    assert(sizeof(T) == SizeOf(dtype));
    return static_cast<T*>(data);
  }
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_TENSOR_VIEW_H_
