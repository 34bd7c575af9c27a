#include "runtime/plan/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "runtime/plan/storage_root.h"

namespace metronome::runtime {
namespace {

// The moments between which a temporary must keep its bytes, both included.
struct Lifetime {
  int64_t bytes = 0;
  int first = -1;
  int last = -1;
};

std::vector<Lifetime> FindLifetimes(const Plan& plan, const StepShape& capacity, absl::Span<const int> moments) {
  std::vector<Lifetime> lifetimes(plan.values.size());
  const auto touch = [&](ValueId id, int moment) {
    Lifetime& lifetime = lifetimes[StorageRoot(plan, id)];
    lifetime.first = lifetime.first < 0 ? moment : std::min(lifetime.first, moment);
    lifetime.last = std::max(lifetime.last, moment);
  };
  const int calls = static_cast<int>(plan.calls.size());
  for (int call = 0; call < calls; ++call) {
    const int moment = moments.empty() ? call : moments[call];
    for (ValueId id : plan.calls[call].inputs) touch(id, moment);
    for (ValueId id : plan.calls[call].outputs) touch(id, moment);
  }
  for (ValueId id : plan.results) touch(id, calls);  // Read after the last call.
  for (size_t id = 0; id < plan.values.size(); ++id) {
    const PlanValue& value = plan.values[id];
    if (value.storage != Storage::kTemporary) continue;
    const int64_t bytes =
        EvaluateShape(value.shape, capacity).elements() * static_cast<int64_t>(kernels::SizeOf(value.dtype));
    lifetimes[id].bytes = (bytes + MemoryPlan::kAlignment - 1) / MemoryPlan::kAlignment * MemoryPlan::kAlignment;
  }
  return lifetimes;
}

}  // namespace

MemoryPlan PlanMemory(const Plan& plan, const StepShape& capacity, absl::Span<const int> moments) {
  const std::vector<Lifetime> lifetimes = FindLifetimes(plan, capacity, moments);
  std::vector<ValueId> order;
  for (size_t id = 0; id < plan.values.size(); ++id) {
    if (plan.values[id].storage == Storage::kTemporary && lifetimes[id].first >= 0)
      order.push_back(static_cast<ValueId>(id));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](ValueId a, ValueId b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

  MemoryPlan memory;
  memory.offsets.assign(plan.values.size(), -1);
  std::vector<ValueId> placed;  // By ascending offset.
  for (ValueId id : order) {
    const Lifetime& lifetime = lifetimes[id];
    int64_t offset = 0;
    for (ValueId other : placed) {
      const bool together = lifetimes[other].first <= lifetime.last && lifetime.first <= lifetimes[other].last;
      if (!together) continue;
      if (memory.offsets[other] - offset >= lifetime.bytes) break;
      offset = std::max(offset, memory.offsets[other] + lifetimes[other].bytes);
    }
    memory.offsets[id] = offset;
    memory.arena_bytes = std::max(memory.arena_bytes, offset + lifetime.bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [&](int64_t value, ValueId other) { return value < memory.offsets[other]; });
    placed.insert(at, id);
  }
  return memory;
}

}  // namespace metronome::runtime
