#ifndef METRONOME_TESTS_COMPILER_EGRAPH_RANDOM_GRAPH_H_
#define METRONOME_TESTS_COMPILER_EGRAPH_RANDOM_GRAPH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"

namespace metronome::testing {

// A float32 graph of primitives over weights, the same for the same seed: 5 to 25 steps, each an op or a formula that
// some rule knows, of operands picked among what is there. No value exceeds 64 in magnitude while weights stay within
// [-1, 1], and none jumps where an operand moves a little: only weights and positions are compared.
absl::StatusOr<compiler::Graph> RandomGraph(uint64_t seed);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_COMPILER_EGRAPH_RANDOM_GRAPH_H_
