#ifndef METRONOME_KERNELS_CPU_ELEMENT_AT_H_
#define METRONOME_KERNELS_CPU_ELEMENT_AT_H_

#include <cstddef>
#include <cstdint>

#include "kernels/interface/tensor_view.h"

namespace metronome::kernels::cpu {

// Address of an element, counted row-major.
inline const void* ElementAt(const TensorView& view, int64_t index) {
  return static_cast<const std::byte*>(view.data) + index * static_cast<int64_t>(SizeOf(view.dtype));
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_ELEMENT_AT_H_
