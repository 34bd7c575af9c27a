#include "kernels/interface/convert.h"

#include <cstring>

namespace metronome::kernels {
namespace {

// Element access through memcpy: files promise no alignment.
template <typename From, typename To>
void Convert(const void* from, void* to, int64_t elements) {
  const auto* source = static_cast<const unsigned char*>(from);
  auto* target = static_cast<unsigned char*>(to);
  for (int64_t i = 0; i < elements; ++i) {
    From value;
    std::memcpy(&value, source + i * static_cast<int64_t>(sizeof(From)), sizeof(From));
    const To converted(static_cast<float>(value));
    std::memcpy(target + i * static_cast<int64_t>(sizeof(To)), &converted, sizeof(To));
  }
}

template <typename From>
void ConvertFrom(const void* from, void* to, DType to_dtype, int64_t elements) {
  switch (to_dtype) {
    case DType::kFloat32:
      return Convert<From, float>(from, to, elements);
    case DType::kBFloat16:
      return Convert<From, BFloat16>(from, to, elements);
    case DType::kFloat16:
      return Convert<From, Float16>(from, to, elements);
    case DType::kInt32:
    case DType::kBool:
      return;  // Not a float dtype.
  }
}

}  // namespace

void ConvertElements(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t elements) {
  if (from_dtype == to_dtype) {
    std::memcpy(to, from, static_cast<size_t>(elements) * SizeOf(to_dtype));
    return;
  }
  switch (from_dtype) {
    case DType::kFloat32:
      return ConvertFrom<float>(from, to, to_dtype, elements);
    case DType::kBFloat16:
      return ConvertFrom<BFloat16>(from, to, to_dtype, elements);
    case DType::kFloat16:
      return ConvertFrom<Float16>(from, to, to_dtype, elements);
    case DType::kInt32:
    case DType::kBool:
      return;
  }
}

void ConvertFloat64Elements(const void* from, void* to, DType to_dtype, int64_t elements) {
  ConvertFrom<double>(from, to, to_dtype, elements);
}

}  // namespace metronome::kernels
