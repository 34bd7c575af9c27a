#include "compiler/fusion/fuse_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "compiler/fusion/dataflow.h"
#include "compiler/fusion/region.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

// Grows regions from single calls: first along values that one computes for another, then sideways, where two read the
// same value.
class Grouping {
 public:
  Grouping(const Dataflow& dataflow, const CancelToken& token)
      : dataflow_(dataflow), token_(token), region_of_(dataflow.calls(), -1) {}

  absl::Status Run() {
    for (int call = 0; call < dataflow_.calls(); ++call) {
      RETURN_IF_ERROR(token_.CheckSometimes());
      std::optional<Region> alone;
      if (dataflow_.CopiesOf(call) > 0) alone = Region{.calls = {call}, .kept = {call}};
      if (dataflow_.StepOf(call).has_value()) alone = DescribeRegion(dataflow_, {call});
      if (!alone.has_value()) continue;
      region_of_[call] = static_cast<int>(regions_.size());
      regions_.push_back(*std::move(alone));
    }
    // Copies come after steps, which reductions among them may keep from any copy; and what a copy is made of can join
    // only when all that read the copy have.
    for (const bool copies : {false, true, true}) {
      for (int call = 0; call < dataflow_.calls(); ++call) {
        RETURN_IF_ERROR(token_.CheckSometimes());
        for (const runtime::ValueId id : dataflow_.call(call).inputs) {
          const int producer = dataflow_.ProducerOf(id);
          if (copies || (!IsCopy(producer) && !IsCopy(call))) TryMerge(producer, call);
        }
      }
    }
    for (int call = 0; call < dataflow_.calls(); ++call) {
      RETURN_IF_ERROR(token_.CheckSometimes());
      MergeReadersOf(call);
    }
    return absl::OkStatus();
  }

  // Of more than one call, by their last.
  std::map<int, Region> Take() {
    std::map<int, Region> result;
    for (Region& region : regions_) {
      if (region.calls.size() > region.kept.size() + 1) result.emplace(region.calls.back(), std::move(region));
    }
    return result;
  }

 private:
  bool IsCopy(int call) const { return call >= 0 && dataflow_.CopiesOf(call) > 0; }

  void TryMerge(int one, int other) {
    if (one < 0 || other < 0 || region_of_[one] < 0 || region_of_[other] < 0 || region_of_[one] == region_of_[other])
      return;
    Region &kept = regions_[region_of_[one]], &merged = regions_[region_of_[other]];
    std::vector<int> calls;
    std::merge(kept.calls.begin(), kept.calls.end(), merged.calls.begin(), merged.calls.end(),
               std::back_inserter(calls));
    std::optional<Region> whole = DescribeRegion(dataflow_, std::move(calls));
    if (!whole.has_value()) return;
    merged.calls.clear();
    kept = *std::move(whole);
    for (const int call : kept.calls) region_of_[call] = region_of_[one];
  }

  // Readers of a small value have little to gain from each other.
  void MergeReadersOf(int producer) {
    int first = -1;
    for (const Use& use : dataflow_.UsesOf(producer)) {
      if (use.call < 0 || region_of_[use.call] < 0) continue;
      const std::vector<Operand>& outputs = regions_[region_of_[use.call]].outputs;
      if (outputs.empty() || dataflow_.ShapeOf(use.value) != outputs[0].shape) continue;
      if (first >= 0) TryMerge(first, use.call);
      if (first < 0) first = use.call;
    }
  }

  const Dataflow& dataflow_;
  const CancelToken& token_;
  std::vector<Region> regions_;  // Without calls: merged into another. Without outputs: a copy.
  std::vector<int> region_of_;   // By call; -1 for those that are never fused.
};

class Rewriter {
 public:
  Rewriter(const runtime::Plan& plan, const CancelToken& token) : plan_(plan), token_(token) {}

  absl::StatusOr<runtime::Plan> Run() {
    const Dataflow dataflow(plan_);
    Grouping grouping(dataflow, token_);
    RETURN_IF_ERROR(grouping.Run());
    const std::map<int, Region> regions = grouping.Take();
    std::vector<bool> fused(plan_.calls.size());
    for (const auto& [last, region] : regions) {
      for (const int call : region.calls) fused[call] = true;
      for (const int call : region.kept) fused[call] = false;
    }
    runtime::Plan result = {.values = plan_.values, .calls = {}, .results = plan_.results};
    for (int call = 0; call < dataflow.calls(); ++call) {
      if (const auto region = regions.find(call); region != regions.end()) {
        result.calls.push_back(CallOf(region->second, result));
      } else if (!fused[call]) {
        result.calls.push_back(plan_.calls[call]);
      }
    }
    DropUnused(result);
    return result;
  }

 private:
  static runtime::KernelCall CallOf(const Region& region, runtime::Plan& plan) {
    runtime::KernelCall call = {.kernel = "fused"};
    for (const Operand& input : region.inputs) call.inputs.push_back(NameOf(input, plan));
    for (const Operand& output : region.outputs) call.outputs.push_back(NameOf(output, plan));
    call.attributes.Set("program", region.program.ToString());
    return call;
  }

  // The value itself, or an alias with the wanted shape.
  static runtime::ValueId NameOf(const Operand& operand, runtime::Plan& plan) {
    const runtime::PlanValue& value = plan.values[operand.value];
    if (value.shape == operand.shape) return operand.value;
    plan.values.push_back(
        {.storage = runtime::Storage::kAlias, .dtype = value.dtype, .shape = operand.shape, .alias_of = operand.value});
    return static_cast<runtime::ValueId>(plan.values.size()) - 1;
  }

  static void DropUnused(runtime::Plan& plan) {
    std::vector<bool> used(plan.values.size());
    const auto use = [&](runtime::ValueId id) {
      for (; id != runtime::kNoValue; id = plan.values[id].alias_of) used[id] = true;
    };
    for (const runtime::KernelCall& call : plan.calls) {
      for (const runtime::ValueId id : call.inputs) use(id);
      for (const runtime::ValueId id : call.outputs) use(id);
    }
    for (const runtime::ValueId id : plan.results) use(id);
    std::vector<runtime::ValueId> numbers(plan.values.size(), runtime::kNoValue);
    std::vector<runtime::PlanValue> values;
    for (size_t id = 0; id < plan.values.size(); ++id) {
      if (!used[id]) continue;
      numbers[id] = static_cast<runtime::ValueId>(values.size());
      values.push_back(std::move(plan.values[id]));
      runtime::ValueId& alias_of = values.back().alias_of;
      if (alias_of != runtime::kNoValue) alias_of = numbers[alias_of];
    }
    const auto renumber = [&](std::vector<runtime::ValueId>& ids) {
      for (runtime::ValueId& id : ids) id = numbers[id];
    };
    plan.values = std::move(values);
    for (runtime::KernelCall& call : plan.calls) {
      renumber(call.inputs);
      renumber(call.outputs);
    }
    renumber(plan.results);
  }

  const runtime::Plan& plan_;
  const CancelToken& token_;
};

}  // namespace

absl::StatusOr<runtime::Plan> FusePlan(const runtime::Plan& plan, const CancelToken& token) {
  RETURN_IF_ERROR(token.Check());
  ASSIGN_OR_RETURN(runtime::Plan fused, Rewriter(plan, token).Run());
  RETURN_IF_ERROR(token.Check());
  RETURN_IF_ERROR(runtime::ValidatePlan(fused));
  return fused;
}

}  // namespace metronome::compiler
