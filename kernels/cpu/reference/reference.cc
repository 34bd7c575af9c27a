#include "kernels/cpu/reference/reference.h"

namespace metronome::kernels::cpu {

void AddReferenceKernels(CpuFunctionTable& table) {
  AddReferenceElementwise(table);
  AddReferenceLayout(table);
  AddReferenceRows(table);
  AddReferenceContractions(table);
  AddReferenceFused(table);
}

}  // namespace metronome::kernels::cpu
