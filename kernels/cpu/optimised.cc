#include "kernels/cpu/cpu_kernel.h"

namespace metronome::cpu {

void AddOptimisedKernels(CpuFunctionTable&, InstructionSet) {}

}  // namespace metronome::cpu
