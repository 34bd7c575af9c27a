#include "compiler/rolling/roll.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

// A run of positions of the main sequence.
struct Range {
  int begin = 0;
  int end = 0;
};

class Roller {
 public:
  Roller(const Graph& graph, const CancelToken& token)
      : graph_(graph), token_(token), position_(graph.size(), -1), of_step_only_(graph.size(), false) {
    const std::vector<int> uses = graph.CountUses();
    for (NodeId id = 0; id < graph.size(); ++id) {
      if (uses[id] > 0) Classify(id);
    }
    FindLastUses();
  }

  absl::StatusOr<RolledGraph> Run() {
    ASSIGN_OR_RETURN(const std::vector<Range> ranges, Join(Cut()));
    for (const Range& range : ranges) {
      RETURN_IF_ERROR(token_.Check());
      rolled_.instances.push_back(Instantiate(range));
    }
    rolled_.results = graph_.results();
    return std::move(rolled_);
  }

 private:
  // The main sequence holds results and what depends on tokens, weights or caches, without those leaves themselves.
  void Classify(NodeId id) {
    const Node& node = graph_.node(id);
    of_step_only_[id] = node.op == kernels::Op::kConstant || node.op == kernels::Op::kIota || !kernels::IsLeaf(node.op);
    for (NodeId input : node.inputs) of_step_only_[id] = of_step_only_[id] && of_step_only_[input];
    const bool is_result = std::count(graph_.results().begin(), graph_.results().end(), id) > 0;
    if (!is_result && (of_step_only_[id] || kernels::IsLeaf(node.op))) return;
    of_step_only_[id] = false;
    position_[id] = static_cast<int>(main_.size());
    main_.push_back(id);
  }

  void FindLastUses() {
    last_use_.assign(main_.size(), -1);
    const int count = static_cast<int>(main_.size());
    for (int at = 0; at < count; ++at) {
      for (NodeId input : graph_.node(main_[at]).inputs) {
        if (position_[input] >= 0) last_use_[position_[input]] = at;
      }
    }
    for (NodeId id : graph_.results()) {
      if (position_[id] >= 0) last_use_[position_[id]] = count;
    }
  }

  // Pieces between the places where one value passes.
  std::vector<Range> Cut() const {
    const int count = static_cast<int>(main_.size());
    std::vector<int> ends(count + 1, 0);  // Values whose last use is there.
    std::vector<Range> pieces;
    int passing = 0, begin = 0;
    for (int at = 0; at < count; ++at) {
      passing -= ends[at];
      ++passing;
      if (last_use_[at] > at) {
        ++ends[last_use_[at]];
      } else {
        --passing;
      }
      if (passing > 1 && at + 1 < count) continue;
      pieces.push_back({begin, at + 1});
      begin = at + 1;
    }
    return pieces;
  }

  absl::StatusOr<std::vector<Range>> Join(const std::vector<Range>& pieces) {
    std::map<std::string, int> known;
    std::vector<int> symbols;
    std::vector<bool> has_weight;
    for (const Range& piece : pieces) {
      RETURN_IF_ERROR(token_.CheckSometimes());
      BlockInstance instance;
      const Graph block = Copy(piece, instance);
      symbols.push_back(known.emplace(block.ToString(), static_cast<int>(known.size())).first->second);
      has_weight.push_back(!instance.weights.empty());
    }
    const int count = static_cast<int>(symbols.size());
    for (int unit = 1; unit <= count / 2; ++unit) {
      for (int start = 0; start + 2 * unit <= count; ++start) {
        RETURN_IF_ERROR(token_.CheckSometimes());
        const auto first = symbols.begin() + start;
        const bool weighs = std::find(has_weight.begin() + start, has_weight.begin() + start + unit, true) !=
                            has_weight.begin() + start + unit;
        if (weighs && std::equal(first, first + unit, first + unit)) return JoinUnits(pieces, symbols, start, unit);
      }
    }
    return pieces.empty() ? pieces : std::vector<Range>{{0, pieces.back().end}};
  }

  // Units from `start` on, in both directions; adjacent units that occur once become one block.
  static std::vector<Range> JoinUnits(const std::vector<Range>& pieces, const std::vector<int>& symbols, int start,
                                      int unit) {
    const int count = static_cast<int>(pieces.size());
    std::vector<Range> units;  // Of pieces.
    for (int at = start % unit; at > 0; at = 0) units.push_back({0, at});
    for (int at = start % unit; at < count; at += unit) units.push_back({at, std::min(at + unit, count)});
    const auto word = [&](const Range& range) {
      return std::vector<int>(symbols.begin() + range.begin, symbols.begin() + range.end);
    };
    std::map<std::vector<int>, int> occurrences;
    for (const Range& range : units) ++occurrences[word(range)];
    std::vector<Range> joined;
    bool open = false;  // Whether the last one may grow.
    for (const Range& range : units) {
      const bool repeats = occurrences[word(range)] > 1;
      const Range nodes = {pieces[range.begin].begin, pieces[range.end - 1].end};
      if (open && !repeats) {
        joined.back().end = nodes.end;
      } else {
        joined.push_back(nodes);
      }
      open = !repeats;
    }
    return joined;
  }

  // The nodes of a range as a graph of its own.
  Graph Copy(const Range& range, BlockInstance& instance) const {
    Graph block;
    std::map<NodeId, NodeId> copies;
    std::vector<NodeId> results;
    for (int at = range.begin; at < range.end; ++at) {
      const NodeId copy = CopyNode(main_[at], range, block, copies, instance);
      if (last_use_[at] < range.end) continue;
      results.push_back(copy);
      instance.outputs.push_back(main_[at]);
    }
    block.set_results(std::move(results));
    return block;
  }

  NodeId CopyNode(NodeId id, const Range& range, Graph& block, std::map<NodeId, NodeId>& copies,
                  BlockInstance& instance) const {
    if (const auto found = copies.find(id); found != copies.end()) return found->second;
    Node node = graph_.node(id);
    const auto number = [&node](auto& arguments, auto argument) {
      node.attributes.Set("name", absl::StrCat(arguments.size()));
      arguments.push_back(std::move(argument));
    };
    if (position_[id] >= 0 && position_[id] < range.begin) {
      node = {.op = kernels::Op::kInput, .inputs = {}, .attributes = {}, .type = node.type};
      number(instance.inputs, id);
    } else if (node.op == kernels::Op::kWeight) {
      number(instance.weights, std::string(node.attributes.String("name")));
    } else if (node.op == kernels::Op::kState) {
      number(instance.states, std::string(node.attributes.String("name")));
    }
    for (NodeId& input : node.inputs) input = CopyNode(input, range, block, copies, instance);
    return copies[id] = block.Add(std::move(node));
  }

  BlockInstance Instantiate(const Range& range) {
    BlockInstance instance;
    Graph block = Copy(range, instance);
    const auto [at, inserted] = blocks_.emplace(block.ToString(), static_cast<int>(rolled_.blocks.size()));
    if (inserted) rolled_.blocks.push_back(std::move(block));
    instance.block = at->second;
    return instance;
  }

  const Graph& graph_;
  const CancelToken& token_;
  std::vector<NodeId> main_;
  std::vector<int> position_;       // By node: where it is in the main sequence, or -1.
  std::vector<bool> of_step_only_;  // By node.
  std::vector<int> last_use_;       // By position: the last reader, the sequence's length for results.
  std::map<std::string, int> blocks_;
  RolledGraph rolled_;
};

}  // namespace

absl::StatusOr<RolledGraph> Roll(const Graph& graph, const CancelToken& token) { return Roller(graph, token).Run(); }

absl::StatusOr<Graph> Unroll(const RolledGraph& rolled, absl::Span<const Graph> blocks, const CancelToken& token) {
  Graph whole;
  std::map<NodeId, NodeId> values;  // From nodes of the graph that was rolled.
  for (const BlockInstance& instance : rolled.instances) {
    RETURN_IF_ERROR(token.Check());
    const Graph& block = blocks[instance.block];
    const std::vector<int> uses = block.CountUses();
    std::vector<NodeId> copies(block.size(), -1);
    for (NodeId id = 0; id < block.size(); ++id) {
      if (uses[id] == 0) continue;
      Node node = block.node(id);
      size_t argument = 0;
      if (node.op == kernels::Op::kInput || node.op == kernels::Op::kWeight || node.op == kernels::Op::kState)
        (void)absl::SimpleAtoi(node.attributes.String("name"), &argument);  // Roll wrote a number.
      if (node.op == kernels::Op::kInput) {
        copies[id] = values.at(instance.inputs[argument]);
        continue;
      }
      if (node.op == kernels::Op::kWeight) node.attributes.Set("name", instance.weights[argument]);
      if (node.op == kernels::Op::kState) node.attributes.Set("name", instance.states[argument]);
      for (NodeId& input : node.inputs) input = copies[input];
      copies[id] = whole.Add(std::move(node));
    }
    for (size_t i = 0; i < instance.outputs.size(); ++i) values[instance.outputs[i]] = copies[block.results()[i]];
  }
  std::vector<NodeId> results;
  for (NodeId id : rolled.results) results.push_back(values.at(id));
  whole.set_results(std::move(results));
  return whole;
}

}  // namespace metronome::compiler
