#include "compiler/search/search_space.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/plan/plan.h"

namespace metronome::compiler {
namespace {

// Names "linear#0", "linear#1", ... for the calls of a graph; the nodes of one call share a name.
class CallNames {
 public:
  std::string NameOf(const Node& node) {
    const kernels::Attributes attributes = CallAttributes(node);
    std::vector<const Node*>& calls = calls_[Name(node.op)];
    size_t index = 0;
    while (index < calls.size() && !(OutputCount(node) > 1 && calls[index]->inputs == node.inputs &&
                                     CallAttributes(*calls[index]) == attributes))
      ++index;
    if (index == calls.size()) calls.push_back(&node);
    return absl::StrCat(Name(node.op), "#", index);
  }

 private:
  std::map<absl::string_view, std::vector<const Node*>> calls_;
};

bool IsCall(const Node& node) { return !kernels::IsLeaf(node.op) && node.op != kernels::Op::kReshape; }

// Uniform enough, and the same everywhere for a seed, which the standard's distributions are not.
size_t Draw(std::mt19937_64& random, size_t count) { return static_cast<size_t>(random() % count); }

}  // namespace

absl::StatusOr<Graph> SearchSpace::Build(const Candidate& candidate) const {
  ASSIGN_OR_RETURN(const Graph plain, Extract(egraph_, results_, candidate.choices));
  if (candidate.tuning.empty()) return plain;
  CallNames names;
  Graph tuned;
  std::vector<NodeId> ids;
  for (NodeId id = 0; id < plain.size(); ++id) {
    Node node = plain.node(id);
    if (IsCall(node)) {
      const std::string call = names.NameOf(plain.node(id));
      for (const auto& [knob, value] : candidate.tuning) {
        if (knob.first == call) node.attributes.Set(knob.second, value);
      }
    }
    for (NodeId& input : node.inputs) input = ids[input];
    ids.push_back(tuned.Add(std::move(node)));
  }
  std::vector<NodeId> results;
  for (NodeId id : plain.results()) results.push_back(ids[id]);
  tuned.set_results(std::move(results));
  return tuned;
}

std::vector<SearchSpace::Knob> SearchSpace::KnobsOf(const Graph& graph) const {
  std::vector<Knob> knobs;
  CallNames names;
  const auto view = [&](const TensorType& type) {
    return kernels::TensorView{.dtype = type.dtype, .shape = runtime::EvaluateShape(type.shape, step_)};
  };
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (!IsCall(node)) continue;
    const std::string call = names.NameOf(node);
    if (node.attributes.Int("output") != 0) continue;
    std::vector<kernels::TensorView> inputs;
    for (NodeId input : node.inputs) inputs.push_back(view(graph.node(input).type));
    const kernels::TensorView output = view(node.type);
    const kernels::KernelArgs args = {
        .inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &node.attributes};
    for (kernels::TuningParameter& parameter : tuning_(Name(node.op), args))
      knobs.push_back({call, std::string(Name(node.op)), std::move(parameter)});
  }
  return knobs;
}

void SearchSpace::Turn(Candidate& candidate, const Graph& graph, std::mt19937_64& random) const {
  const std::vector<Knob> knobs = KnobsOf(graph);
  if (knobs.empty()) return;
  const Knob& knob = knobs[Draw(random, knobs.size())];
  const int64_t value = knob.parameter.values[Draw(random, knob.parameter.values.size())];
  const bool all = Draw(random, 3) == 0;
  for (const Knob& other : knobs) {
    if (other.parameter.name != knob.parameter.name || (all ? other.kernel != knob.kernel : other.call != knob.call))
      continue;
    candidate.tuning[{other.call, std::string(other.parameter.name)}] = value;
  }
}

Candidate SearchSpace::Mutate(const Candidate& candidate, std::mt19937_64& random) const {
  Candidate mutated = candidate;
  const std::vector<Exchange> exchanges = ExchangesOf(egraph_, results_, candidate.choices, cost_);
  // Tuning pays more often than another form: the static choice of form is good already.
  if (!exchanges.empty() && Draw(random, 3) == 0) {
    for (const auto& [id, node] : exchanges[Draw(random, exchanges.size())]) mutated.choices[id] = node;
    return mutated;
  }
  const absl::StatusOr<Graph> graph = Extract(egraph_, results_, candidate.choices);
  if (graph.ok()) Turn(mutated, *graph, random);
  return mutated;
}

}  // namespace metronome::compiler
