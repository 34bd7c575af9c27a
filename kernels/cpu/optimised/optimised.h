#ifndef METRONOME_KERNELS_CPU_OPTIMISED_OPTIMISED_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_OPTIMISED_H_

#include "absl/status/status.h"
#include "kernels/cpu/cpu_kernel.h"

namespace metronome::kernels::cpu {

// Catalogue kernels for speed; each file says how.
absl::Status OptimisedLinear(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedLinearGroup(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedGatedLinear(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedExpertLinear(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedGatedExperts(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedExpertMix(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedMatmul(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedAttention(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedSoftmax(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedRmsNorm(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedAddRmsNorm(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedArgmax(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedRope(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedGatedActivation(CpuContext& context, const KernelArgs& args);
absl::Status OptimisedFused(CpuContext& context, const KernelArgs& args);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_OPTIMISED_H_
