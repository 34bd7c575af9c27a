#ifndef METRONOME_KERNELS_CATALOGUE_NORM_PROLOGUE_H_
#define METRONOME_KERNELS_CATALOGUE_NORM_PROLOGUE_H_

#include "kernels/interface/backend.h"

namespace metronome::kernels {

// Whether a product normalises its first operand, by its last.
inline bool HasNorm(const KernelArgs& args) { return args.attributes->Int("has_norm") != 0; }

// The operands of the product alone.
inline KernelArgs WithoutNorm(KernelArgs args) {
  if (HasNorm(args)) args.inputs.remove_suffix(1);
  return args;
}

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CATALOGUE_NORM_PROLOGUE_H_
