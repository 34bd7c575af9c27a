#include "kernels/cpu/optimised/optimised.h"

#include "kernels/cpu/optimised/norm_prologue.h"
#include "kernels/cpu/optimised/qkv_rope_cache.h"

namespace metronome::kernels::cpu {

void AddOptimisedKernels(CpuFunctionTable& table) {
  table["linear"] = WithNormPrologue<OptimisedRmsNorm, OptimisedLinear>;
  table["linear_group"] = WithNormPrologue<OptimisedRmsNorm, OptimisedLinearGroup>;
  table["gated_linear"] = WithNormPrologue<OptimisedRmsNorm, OptimisedGatedLinear>;
  table["qkv_rope_cache"] =
      WithNormPrologue<OptimisedRmsNorm, QkvRopeCache<OptimisedLinearGroup, OptimisedRmsNorm, OptimisedRope>>;
  table["expert_linear"] = OptimisedExpertLinear;
  table["gated_experts"] = OptimisedGatedExperts;
  table["expert_mix"] = OptimisedExpertMix;
  table["matmul"] = OptimisedMatmul;
  table["attention"] = OptimisedAttention;
  table["softmax"] = OptimisedSoftmax;
  table["rms_norm"] = OptimisedRmsNorm;
  table["add_rms_norm"] = OptimisedAddRmsNorm;
  table["argmax"] = OptimisedArgmax;
  table["rope"] = OptimisedRope;
  table["gated_activation"] = OptimisedGatedActivation;
  table["fused"] = OptimisedFused;
}

}  // namespace metronome::kernels::cpu
