#include "compiler/fusion/dataflow.h"

#include <algorithm>

#include "kernels/program/fused_program.h"
#include "runtime/plan/storage_root.h"

namespace metronome::compiler {

Dataflow::Dataflow(const runtime::Plan& plan)
    : plan_(plan),
      producers_(plan.values.size(), -1),
      last_written_(plan.values.size(), -1),
      uses_(plan.calls.size()),
      steps_(plan.calls.size()),
      copies_(plan.calls.size()) {
  for (int index = 0; index < calls(); ++index) {
    for (const runtime::ValueId id : call(index).outputs) {
      const runtime::ValueId root = runtime::StorageRoot(plan_, id);
      if (plan_.values[root].storage == runtime::Storage::kTemporary) producers_[root] = index;
      last_written_[root] = index;
    }
  }
  for (int index = 0; index < calls(); ++index) {
    for (const runtime::ValueId id : call(index).inputs) {
      if (const int producer = ProducerOf(id); producer >= 0) uses_[producer].push_back({.call = index, .value = id});
    }
  }
  for (const runtime::ValueId id : plan_.results) {
    if (const int producer = ProducerOf(id); producer >= 0) uses_[producer].push_back({.value = id});
  }
  for (int index = 0; index < calls(); ++index) {
    if (!MayFuse(index)) continue;
    steps_[index] = Classify(index);
    copies_[index] = CountCopies(index);
  }
}

int Dataflow::ProducerOf(runtime::ValueId value) const { return producers_[runtime::StorageRoot(plan_, value)]; }

// A value under another shape; not some of its rows.
bool Dataflow::IsWhole(runtime::ValueId id) const {
  const runtime::ValueId root = runtime::StorageRoot(plan_, id);
  for (; id != root; id = plan_.values[id].alias_of) {
    if (plan_.values[id].first_row != runtime::Dim(0)) return false;
    for (const runtime::StepShape& step :
         {runtime::StepShape{1, 0}, runtime::StepShape{5, 3}, runtime::StepShape{7, 11}}) {
      if (runtime::EvaluateShape(ShapeOf(id), step).elements() !=
          runtime::EvaluateShape(ShapeOf(root), step).elements())
        return false;
    }
  }
  return true;
}

bool Dataflow::MayFuse(int index) const {
  const runtime::KernelCall& kernel = call(index);
  if (kernel.outputs.size() != 1 || plan_.values[kernel.outputs[0]].storage != runtime::Storage::kTemporary)
    return false;
  for (const runtime::ValueId id : kernel.inputs) {
    const runtime::ValueId root = runtime::StorageRoot(plan_, id);
    if (plan_.values[root].storage == runtime::Storage::kState && last_written_[root] > index) return false;
  }
  return std::all_of(uses_[index].begin(), uses_[index].end(), [&](const Use& use) { return IsWhole(use.value); });
}

std::optional<kernels::Op> Dataflow::Classify(int index) const {
  const runtime::KernelCall& kernel = call(index);
  const std::optional<kernels::Op> op = kernels::ParseProgramStep(kernel.kernel);
  if (!op.has_value() || !kernels::IsReduction(*op)) return op;
  const auto last = static_cast<int64_t>(ShapeOf(kernel.inputs[0]).size()) - 1;
  return kernel.attributes.Int("axis", -1) == last ? op : std::nullopt;
}

int64_t Dataflow::CountCopies(int index) const {
  const runtime::KernelCall& kernel = call(index);
  if (kernel.kernel == "broadcast") return 1;
  if (kernel.kernel != "concat") return 0;
  const std::vector<runtime::Dim>& shape = ShapeOf(kernel.inputs[0]);
  const bool same = std::all_of(kernel.inputs.begin(), kernel.inputs.end(),
                                [&](runtime::ValueId id) { return id == kernel.inputs[0]; });
  const bool last = kernel.attributes.Int("axis", -1) == static_cast<int64_t>(shape.size()) - 1;
  return same && last && shape.back().is_constant() ? static_cast<int64_t>(kernel.inputs.size()) : 0;
}

}  // namespace metronome::compiler
