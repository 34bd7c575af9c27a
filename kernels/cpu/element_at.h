#ifndef METRONOME_KERNELS_CPU_ELEMENT_AT_H_
#define METRONOME_KERNELS_CPU_ELEMENT_AT_H_

#include <cstddef>
#include <cstdint>

#include "kernels/tensor_view.h"

namespace metronome::cpu {

// Address of an element, counted row-major.
inline const void* ElementAt(const TensorView& view, int64_t index) {
  return static_cast<const std::byte*>(view.data) + index * static_cast<int64_t>(SizeOf(view.dtype));
}

}  // namespace metronome::cpu

#endif  // METRONOME_KERNELS_CPU_ELEMENT_AT_H_
