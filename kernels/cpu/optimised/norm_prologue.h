#ifndef METRONOME_KERNELS_CPU_OPTIMISED_NORM_PROLOGUE_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_NORM_PROLOGUE_H_

#include <vector>

#include "kernels/catalogue/norm_prologue.h"
#include "kernels/cpu/cpu_kernel.h"

namespace metronome::kernels::cpu {

// The kernel `product` with the norm before it that has_norm asks for: one pass over x by the kernel `norm`.
template <CpuFunction norm, CpuFunction product>
absl::Status WithNormPrologue(CpuContext& context, const KernelArgs& args) {
  if (!HasNorm(args)) return product(context, args);
  const absl::Span<const TensorView> operands = WithoutNorm(args).inputs;
  TensorView normalised = operands[0];
  normalised.data = context.OperandScratch(normalised.bytes());
  const TensorView of_norm[] = {operands[0], args.inputs.back()};
  if (absl::Status status = norm(
          context, {.inputs = of_norm, .outputs = absl::MakeConstSpan(&normalised, 1), .attributes = args.attributes});
      !status.ok())
    return status;
  std::vector<TensorView> inputs(operands.begin(), operands.end());
  inputs[0] = normalised;
  return product(context, {.inputs = inputs, .outputs = args.outputs, .attributes = args.attributes});
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_NORM_PROLOGUE_H_
