#ifndef METRONOME_RUNTIME_PLAN_PLAN_SET_H_
#define METRONOME_RUNTIME_PLAN_PLAN_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/plan/plan.h"

namespace metronome::runtime {

// One of a model's plans. Any plan runs any step; this one was made for steps of about `seq` tokens.
struct BucketPlan {
  int64_t seq = 1;
  Plan plan;
};

// The plans of one model, over the same weights and states, ascending by seq. The first is that of a decode step.
using PlanSet = std::vector<BucketPlan>;

// Steps that a model compiled with a search has plans for: decode, and prompts or chunks of them.
inline constexpr int64_t kBuckets[] = {1, 16, 64, 256, 1024};

// The plan whose seq is nearest in ratio. `plans` must not be empty.
size_t NearestBucket(const PlanSet& plans, int64_t seq);

// 16 hex digits that differ when any plan does.
std::string Hash(const PlanSet& plans);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_PLAN_SET_H_
