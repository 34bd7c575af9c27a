#ifndef METRONOME_KERNELS_INTERFACE_DTYPE_ENUM_H_
#define METRONOME_KERNELS_INTERFACE_DTYPE_ENUM_H_

#include <cstddef>
#include <cstdint>

namespace metronome::kernels {

// In a file of its own, which includes no library, for compilers of devices.
enum class DType : uint8_t { kFloat32, kBFloat16, kFloat16, kInt32, kBool };

constexpr size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kBFloat16:
    case DType::kFloat16:
      return 2;
    case DType::kBool:
      return 1;
  }
  return 0;
}

constexpr bool IsFloat(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kBFloat16 || dtype == DType::kFloat16;
}

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_DTYPE_ENUM_H_
