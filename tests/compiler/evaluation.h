#ifndef METRONOME_TESTS_COMPILER_EVALUATION_H_
#define METRONOME_TESTS_COMPILER_EVALUATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "compiler/egraph/e_graph.h"
#include "compiler/ir/graph.h"
#include "runtime/plan/dim.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

using NodeValues = absl::flat_hash_map<compiler::NodeId, HostTensor>;

// Computes graphs node by node with the reference kernels. Inputs, weights and states hold random numbers in [-1, 1]
// that depend on nothing but their name and type, so that two forms of one graph read the same; tokens are below
// kTokenLimit.
class Evaluator {
 public:
  static constexpr int64_t kTokenLimit = 5;

  explicit Evaluator(const runtime::StepShape& step) : step_(step) {}

  // The value of one node from those of its inputs. InvalidArgument for a call that the catalogue refuses.
  absl::StatusOr<HostTensor> Compute(const compiler::Node& node, const std::vector<HostTensor>& inputs) const;
  // The values of all nodes that results depend on.
  absl::StatusOr<NodeValues> ComputeAll(const compiler::Graph& graph) const;
  absl::StatusOr<std::vector<HostTensor>> ComputeResults(const compiler::Graph& graph) const;

 private:
  absl::StatusOr<HostTensor> Launch(const compiler::Node& node, const std::vector<HostTensor>& inputs) const;

  runtime::StepShape step_;
};

// Where the tensors differ by more than `tolerance` times the largest magnitude in `want`, or 0.01 (whole numbers: at
// all); empty where they agree. NaN agrees with NaN.
std::string Difference(const HostTensor& got, const HostTensor& want, double tolerance);

// A fused form rounds where its primitives do not, and the other way round. Relative to the largest magnitude: a few
// units in the last place for bfloat16 (2^-8) and float16 (2^-11), rounding over short sums for float32.
double RoundingTolerance(kernels::DType dtype);

// Computes both graphs and expects the same results. `looseness` multiplies the tolerance, here and below.
void ExpectSameResults(const compiler::Graph& got, const compiler::Graph& want, const Evaluator& evaluator,
                       double looseness = 1);

// Computes every node of every class from the values of its classes and expects the nodes of a class to agree: whatever
// was proven is then true of these numbers. `classes` are those of the graph's nodes, as AddGraph returns them.
void ExpectClassesAgree(const compiler::EGraph& egraph, const compiler::Graph& graph,
                        const std::vector<compiler::ClassId>& classes, const Evaluator& evaluator,
                        double looseness = 1);

// Extracts a form of the results by costs drawn at random, and expects that it can be lowered and computes what the
// graph does.
void ExpectRandomFormAgrees(const compiler::EGraph& egraph, const compiler::Graph& graph,
                            const std::vector<compiler::ClassId>& classes, const Evaluator& evaluator, uint64_t seed,
                            double looseness = 1);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_COMPILER_EVALUATION_H_
