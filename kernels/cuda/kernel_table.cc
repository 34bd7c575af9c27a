#include "kernels/cuda/kernel_table.h"

#include "absl/strings/str_cat.h"

namespace metronome::kernels::cuda {

const CudaFunctionTable& KernelTable() {
  static const auto& table = *[] {
    auto* const all = new CudaFunctionTable();
    AddActivation(*all);
    AddAttention(*all);
    AddElementwise(*all);
    AddExperts(*all);
    AddFused(*all);
    AddLayout(*all);
    AddLinear(*all);
    AddMatmul(*all);
    AddNormalisation(*all);
    AddQkvRopeCache(*all);
    AddReduction(*all);
    AddRotary(*all);
    AddSelection(*all);
    return all;
  }();
  return table;
}

absl::Status ToStatus(const IndexFault& fault) {
  if (fault.raised == 0) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("index ", fault.index, " at position ", fault.position, " is not in [0, ", fault.rows, ")"));
}

}  // namespace metronome::kernels::cuda
