#ifndef METRONOME_KERNELS_INTERFACE_CONVERT_H_
#define METRONOME_KERNELS_INTERFACE_CONVERT_H_

#include <cstdint>

#include "kernels/interface/dtype.h"

namespace metronome::kernels {

// Converts `elements` host values between float dtypes, rounding to nearest even. The ranges must not overlap; any
// alignment.
void ConvertElements(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t elements);

// The same from double, a type that files have and tensors have not: to float32, then to `to_dtype`.
void ConvertFloat64Elements(const void* from, void* to, DType to_dtype, int64_t elements);

inline void ConvertToFloat32(const void* from, DType from_dtype, float* to, int64_t elements) {
  ConvertElements(from, from_dtype, to, DType::kFloat32, elements);
}

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_CONVERT_H_
