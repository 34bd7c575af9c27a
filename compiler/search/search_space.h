#ifndef METRONOME_COMPILER_SEARCH_SEARCH_SPACE_H_
#define METRONOME_COMPILER_SEARCH_SEARCH_SPACE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/egraph/e_graph.h"
#include "compiler/egraph/extract.h"
#include "compiler/ir/graph.h"
#include "kernels/interface/backend.h"
#include "runtime/plan/dim.h"

namespace metronome::compiler {

// Values for tuning parameters, by call and parameter: {"linear#1", "tune_grain"}. Calls are numbered by kernel, in the
// order of the graph.
using Tuning = std::map<std::pair<std::string, std::string>, int64_t>;

// One form of a block, with the way its kernels are tuned.
struct Candidate {
  Choices choices;
  Tuning tuning;
};

// What may be tuned about a kernel with these operands; they have no data.
using TuningOracle =
    std::function<std::vector<kernels::TuningParameter>(absl::string_view kernel, const kernels::KernelArgs& args)>;

// The forms of one saturated block for steps of one shape. The e-graph must outlive it.
class SearchSpace {
 public:
  SearchSpace(const EGraph& egraph, std::vector<ClassId> results, NodeCost cost, TuningOracle tuning,
              runtime::StepShape step)
      : egraph_(egraph),
        results_(std::move(results)),
        cost_(std::move(cost)),
        tuning_(std::move(tuning)),
        step_(step) {}

  // The block in this form, tuning attributes set. Internal when the choices depend on themselves.
  absl::StatusOr<Graph> Build(const Candidate& candidate) const;

  // A neighbour: another node for a class, another kernel call for all its outputs, another value of one tuning
  // parameter of one call or of all calls of a kernel. May be one that Build refuses. Returns the candidate itself
  // where there are no others.
  Candidate Mutate(const Candidate& candidate, std::mt19937_64& random) const;

 private:
  // A parameter of one call of a graph.
  struct Knob {
    std::string call, kernel;
    kernels::TuningParameter parameter;
  };
  std::vector<Knob> KnobsOf(const Graph& graph) const;
  void Turn(Candidate& candidate, const Graph& graph, std::mt19937_64& random) const;

  const EGraph& egraph_;
  std::vector<ClassId> results_;
  NodeCost cost_;
  TuningOracle tuning_;
  runtime::StepShape step_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_SEARCH_SEARCH_SPACE_H_
