#ifndef METRONOME_COMPILER_LOWERING_LOWER_H_
#define METRONOME_COMPILER_LOWERING_LOWER_H_

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "runtime/base/cancel_token.h"
#include "runtime/plan/plan.h"

namespace metronome {

// Turns each node that logits depend on into one call of the kernel named after its op, in graph order. Reshapes and
// what is written to caches become aliases. The plan is validated. Internal when the graph asks for something no
// kernel does; errors of the token.
absl::StatusOr<Plan> Lower(const Graph& graph, const CancelToken& token = {});

}  // namespace metronome

#endif  // METRONOME_COMPILER_LOWERING_LOWER_H_
