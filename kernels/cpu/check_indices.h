#ifndef METRONOME_KERNELS_CPU_CHECK_INDICES_H_
#define METRONOME_KERNELS_CPU_CHECK_INDICES_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/interface/tensor_view.h"

namespace metronome::kernels::cpu {

// OutOfRange unless every index is in [0, rows).
inline absl::Status CheckIndices(const TensorView& indices, int64_t rows) {
  for (int64_t i = 0; i < indices.elements(); ++i) {
    const int32_t index = indices.as<int32_t>()[i];
    if (index < 0 || index >= rows)
      return absl::OutOfRangeError(absl::StrCat("index ", index, " at position ", i, " is not in [0, ", rows, ")"));
  }
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_CHECK_INDICES_H_
