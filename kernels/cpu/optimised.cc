#include "kernels/cpu/optimised.h"

namespace metronome::cpu {

void AddOptimisedKernels(CpuFunctionTable& table) {
  table["linear"] = OptimisedLinear;
  table["linear_group"] = OptimisedLinearGroup;
  table["gated_linear"] = OptimisedGatedLinear;
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

}  // namespace metronome::cpu
