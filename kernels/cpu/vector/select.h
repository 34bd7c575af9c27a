#ifndef METRONOME_KERNELS_CPU_VECTOR_SELECT_H_
#define METRONOME_KERNELS_CPU_VECTOR_SELECT_H_

#include "kernels/cpu/host/cpu_features.h"
#include "kernels/cpu/vector/vector_kernels.h"
#include "kernels/interface/dtype.h"

namespace metronome::kernels::cpu {

// The building blocks for these instructions.
inline const VectorKernels& SelectVectorKernels(InstructionSet set) {
#if defined(__x86_64__)
  if (set >= InstructionSet::kAvx512Bf16) {
    static const VectorKernels with_bfloat = [] {
      VectorKernels kernels = kAvx512Kernels;
      kernels.packed_bfloat_elements = PackedBFloatElements;
      kernels.pack_bfloat_rows = PackBFloatRows;
      kernels.dot_bfloat_rows = DotBFloatRows;
      kernels.bfloat_attention = &kBFloatAttention;
      kernels.stream_bfloat_rows = StreamBFloatRows;
      return kernels;
    }();
    return with_bfloat;
  }
  if (set >= InstructionSet::kAvx512) return kAvx512Kernels;
  if (set >= InstructionSet::kAvx2) return kAvx2Kernels;
#endif
  static_cast<void>(set);
  return kPortableKernels;
}

// `dtype` must be a float.
inline VectorDType ToVectorDType(DType dtype) {
  return dtype == DType::kBFloat16  ? VectorDType::kBFloat16
         : dtype == DType::kFloat16 ? VectorDType::kFloat16
                                    : VectorDType::kFloat32;
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_VECTOR_SELECT_H_
