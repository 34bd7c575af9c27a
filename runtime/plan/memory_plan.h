#ifndef METRONOME_RUNTIME_PLAN_MEMORY_PLAN_H_
#define METRONOME_RUNTIME_PLAN_MEMORY_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "runtime/plan/plan.h"

namespace metronome::runtime {

// Where each temporary of a plan lies in one arena.
struct MemoryPlan {
  static constexpr int64_t kAlignment = 256;

  std::vector<int64_t> offsets;  // Bytes, by ValueId; -1 for values that are not temporaries.
  int64_t arena_bytes = 0;

  friend bool operator==(const MemoryPlan&, const MemoryPlan&) = default;
};

// Places temporaries so that values live at the same time never overlap: largest first, each at the lowest free offset
// ("greedy by size", Pisarchyk & Lee 2020, arXiv:2001.03288). Sizes are those at `capacity`, so the plan serves every
// step whose seq and past are no larger. `moments`, by call, says when each runs; equal moments run at the same time.
// Without it calls run one after the other.
MemoryPlan PlanMemory(const Plan& plan, const StepShape& capacity, absl::Span<const int> moments = {});

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_MEMORY_PLAN_H_
