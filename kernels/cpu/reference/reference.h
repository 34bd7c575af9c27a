#ifndef METRONOME_KERNELS_CPU_REFERENCE_REFERENCE_H_
#define METRONOME_KERNELS_CPU_REFERENCE_REFERENCE_H_

#include "kernels/cpu/cpu_kernel.h"

namespace metronome::kernels::cpu {

// The reference kernels by family.
void AddReferenceElementwise(CpuFunctionTable& table);
void AddReferenceLayout(CpuFunctionTable& table);
void AddReferenceRows(CpuFunctionTable& table);          // Reductions, softmax, norms, rope, gated activations.
void AddReferenceContractions(CpuFunctionTable& table);  // matmul, linear, attention.
void AddReferenceFused(CpuFunctionTable& table);         // Programs, by the primitives above.

// Reference kernels that others are composed of.
absl::Status ReferenceRmsNorm(CpuContext& context, const KernelArgs& args);
absl::Status ReferenceRope(CpuContext& context, const KernelArgs& args);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_REFERENCE_REFERENCE_H_
