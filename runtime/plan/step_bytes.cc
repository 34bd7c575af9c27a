#include "runtime/plan/step_bytes.h"

#include <algorithm>
#include <map>

#include "kernels/catalogue/op_table.h"
#include "runtime/plan/storage_root.h"

namespace metronome::runtime {
namespace {

int64_t BytesOf(const PlanValue& value, const StepShape& step) {
  return EvaluateShape(value.shape, step).elements() * static_cast<int64_t>(kernels::SizeOf(value.dtype));
}

}  // namespace

int64_t StepReadBytes(const Plan& plan, const StepShape& step) {
  std::map<ValueId, int64_t> read;  // The most that any call reads of a stored value.
  for (const KernelCall& call : plan.calls) {
    const int64_t window = kernels::HasTrait(call.kernel, kernels::kWindowed) ? call.attributes.Int("window") : 0;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const ValueId id = StorageRoot(plan, call.inputs[i]);
      const PlanValue& value = plan.values[id];
      if (value.storage == Storage::kWeight) {
        if (i == 1 && kernels::HasTrait(call.kernel, kernels::kExpertProduct)) {  // At most one expert for each index.
          const int64_t experts = value.shape[0].constant;
          const int64_t active = std::min(experts, EvaluateShape(plan.values[call.inputs[2]].shape, step).elements());
          read[id] = std::max(read[id], BytesOf(value, step) / experts * active);
          continue;
        }
        const bool gathered = i == 0 && kernels::HasTrait(call.kernel, kernels::kGathersRows);
        read[id] = std::max(read[id], gathered ? BytesOf(plan.values[call.outputs[0]], step) : BytesOf(value, step));
      } else if (value.storage == Storage::kState && !WritesInPlace(plan, call, call.inputs[i])) {
        const int64_t positions = step.past + step.seq;
        const int64_t visible = window > 0 ? std::min(positions, window + step.seq - 1) : positions;
        read[id] = std::max(read[id], BytesOf(value, step) / positions * visible);
      }
    }
  }
  int64_t bytes = 0;
  for (const auto& [id, size] : read) bytes += size;
  return bytes;
}

}  // namespace metronome::runtime
