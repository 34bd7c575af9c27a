#include "kernels/cpu/optimised.h"

namespace metronome::cpu {

void AddOptimisedKernels(CpuFunctionTable& table) {
  table["linear"] = OptimisedLinear;
  table["matmul"] = OptimisedMatmul;
  table["attention"] = OptimisedAttention;
  table["softmax"] = OptimisedSoftmax;
  table["rms_norm"] = OptimisedRmsNorm;
  table["rope"] = OptimisedRope;
  table["gated_activation"] = OptimisedGatedActivation;
}

}  // namespace metronome::cpu
