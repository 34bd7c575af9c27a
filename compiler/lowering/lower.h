#ifndef METRONOME_COMPILER_LOWERING_LOWER_H_
#define METRONOME_COMPILER_LOWERING_LOWER_H_

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "kernels/base/cancel_token.h"
#include "runtime/plan/plan.h"

namespace metronome::compiler {

// Turns each node that logits depend on into one call of the kernel named after its op, in graph order. Reshapes and
// what is written to caches become aliases. The plan is validated. Internal when the graph asks for something no
// kernel does; errors of the token.
absl::StatusOr<runtime::Plan> Lower(const Graph& graph, const CancelToken& token = {});

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_LOWERING_LOWER_H_
