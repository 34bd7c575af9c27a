#ifndef METRONOME_RUNTIME_PLAN_STEP_BYTES_H_
#define METRONOME_RUNTIME_PLAN_STEP_BYTES_H_

#include <cstdint>

#include "runtime/plan/plan.h"

namespace metronome::runtime {

// Bytes of weights and cache that a step of this shape must read at least: each weight once, except tables of which
// only the gathered rows count, and of each state the positions that its attention sees (all of them where no attention
// kernel says otherwise).
int64_t StepReadBytes(const Plan& plan, const StepShape& step);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_STEP_BYTES_H_
