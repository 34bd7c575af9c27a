#ifndef METRONOME_COMPILER_FUSION_FUSE_PLAN_H_
#define METRONOME_COMPILER_FUSION_FUSE_PLAN_H_

#include "absl/status/statusor.h"
#include "kernels/base/cancel_token.h"
#include "runtime/plan/plan.h"

namespace metronome::compiler {

// The plan with chains and siblings of elementwise calls and reductions of the last axis as calls of `fused`: what only
// they read of each other is never written to memory. Computes the same, to the bit on the reference kernels. Calls
// that stand alone stay as they are. The result is validated; Internal if it fails that; errors of the token.
absl::StatusOr<runtime::Plan> FusePlan(const runtime::Plan& plan, const CancelToken& token = {});

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FUSION_FUSE_PLAN_H_
