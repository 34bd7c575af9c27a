#ifndef METRONOME_TESTS_COMPILER_FUSION_RUN_PLAN_H_
#define METRONOME_TESTS_COMPILER_FUSION_RUN_PLAN_H_

#include <vector>

#include "kernels/interface/backend.h"
#include "runtime/plan/plan.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// The results of a plan, call by call. Inputs, weights and states hold random numbers in [-1, 1] that depend on nothing
// but their name, constants their contents, tokens numbers below 5; temporaries begin as NaN or nonsense.
std::vector<HostTensor> RunPlan(kernels::Backend& backend, const runtime::Plan& plan, const runtime::StepShape& step);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_COMPILER_FUSION_RUN_PLAN_H_
