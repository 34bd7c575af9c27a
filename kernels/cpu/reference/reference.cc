#include "kernels/cpu/reference/reference.h"

namespace metronome::cpu {

void AddReferenceKernels(CpuFunctionTable& table) {
  AddReferenceElementwise(table);
  AddReferenceLayout(table);
  AddReferenceRows(table);
  AddReferenceContractions(table);
  AddReferenceFused(table);
}

}  // namespace metronome::cpu
