#ifndef METRONOME_RUNTIME_PLAN_STORAGE_ROOT_H_
#define METRONOME_RUNTIME_PLAN_STORAGE_ROOT_H_

#include <algorithm>

#include "runtime/plan/plan.h"

namespace metronome::runtime {

// The value whose bytes `id` stands for: itself, or what its chain of aliases ends at.
inline ValueId StorageRoot(const Plan& plan, ValueId id) {
  while (plan.values[id].storage == Storage::kAlias) id = plan.values[id].alias_of;
  return id;
}

// Whether the call writes to where its input `id` lies, as cache_write does to its cache: that is no reading of it.
inline bool WritesInPlace(const Plan& plan, const KernelCall& call, ValueId id) {
  const ValueId storage = StorageRoot(plan, id);
  return std::any_of(call.outputs.begin(), call.outputs.end(),
                     [&](ValueId output) { return StorageRoot(plan, output) == storage; });
}

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_STORAGE_ROOT_H_
