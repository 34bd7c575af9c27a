#ifndef METRONOME_RUNTIME_PLAN_STORAGE_ROOT_H_
#define METRONOME_RUNTIME_PLAN_STORAGE_ROOT_H_

#include "runtime/plan/plan.h"

namespace metronome {

// The value whose bytes `id` stands for: itself, or what its chain of aliases ends at.
inline ValueId StorageRoot(const Plan& plan, ValueId id) {
  while (plan.values[id].storage == Storage::kAlias) id = plan.values[id].alias_of;
  return id;
}

}  // namespace metronome

#endif  // METRONOME_RUNTIME_PLAN_STORAGE_ROOT_H_
