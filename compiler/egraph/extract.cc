#include "compiler/egraph/extract.h"

#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// The call behind a node, so that the outputs of one kernel compare equal.
std::string CallOf(const ENode& node) {
  std::string call = absl::StrCat(static_cast<int>(node.op));
  for (ClassId child : node.children) absl::StrAppend(&call, " ", child);
  for (const auto& [name, value] : node.attributes.values()) {
    if (name != "output") absl::StrAppend(&call, " ", kernels::Attributes({{name, value}}).ToString());
  }
  return call;
}

class Chooser {
 public:
  Chooser(const EGraph& egraph, absl::Span<const ClassId> results, const NodeCost& cost) : egraph_(egraph) {
    for (ClassId id : results) results_.push_back(egraph.Find(id));
    for (ClassId id : egraph.Classes()) {
      for (const ENode& node : egraph.Class(id).nodes) {
        std::vector<TensorType> inputs;
        for (ClassId child : node.children) inputs.push_back(egraph.Class(child).type);
        const bool outputs = node.attributes.Find("output") != nullptr;
        options_[id].push_back(
            {.cost = cost(node, inputs, egraph.Class(id).type), .call = outputs ? CallOf(node) : ""});
        if (outputs) calls_[options_[id].back().call].emplace_back(id, options_[id].size() - 1);
      }
    }
  }

  std::vector<Exchange> ExchangesFrom(const Choices& choices) {
    choices_ = choices;
    return Exchanges();
  }

  absl::StatusOr<Choices> Run(const CancelToken& token) {
    RETURN_IF_ERROR(ChooseTreewise(token));
    for (ClassId id : results_) {
      if (!choices_.contains(id))
        return absl::InternalError(
            absl::StrCat("no kernel computes class c", id, " : ", egraph_.Class(id).type.ToString()));
    }
    RETURN_IF_ERROR(Improve(token));
    return std::move(choices_);
  }

 private:
  struct Option {
    double cost = 0;
    std::string call;  // Of nodes that share a kernel call; empty for the others.
  };
  // Cheapest trees from the leaves up (Knuth 1977), which never depend on themselves since every cost is positive.
  absl::Status ChooseTreewise(const CancelToken& token) {
    absl::flat_hash_map<ClassId, double> best;
    for (bool changed = true; changed;) {
      changed = false;
      for (ClassId id : egraph_.Classes()) {
        RETURN_IF_ERROR(token.CheckSometimes());
        const std::vector<ENode>& nodes = egraph_.Class(id).nodes;
        for (size_t i = 0; i < nodes.size(); ++i) {
          double total = options_[id][i].cost;
          if (total < 0) continue;
          total += 1e-12;
          for (ClassId child : nodes[i].children) {
            const auto found = best.find(egraph_.Find(child));
            total += found == best.end() ? kInfinite : found->second;
          }
          const auto found = best.find(id);
          if (total == kInfinite || (found != best.end() && total >= found->second)) continue;
          best[id] = total;
          choices_[id] = i;
          changed = true;
        }
      }
    }
    return absl::OkStatus();
  }

  // What the whole choice costs, each value and each call once; infinite when it depends on itself.
  double Cost(std::vector<ClassId>* needed = nullptr) const {
    absl::flat_hash_map<ClassId, bool> done;  // False while on the path.
    std::set<std::string> calls;
    double total = 0;
    for (ClassId id : results_) {
      if (!AddCost(id, done, calls, total, needed)) return kInfinite;
    }
    return total;
  }

  bool AddCost(ClassId id, absl::flat_hash_map<ClassId, bool>& done, std::set<std::string>& calls, double& total,
               std::vector<ClassId>* needed) const {
    const auto [at, inserted] = done.try_emplace(id, false);
    if (!inserted) return at->second;
    const auto chosen = choices_.find(id);
    if (chosen == choices_.end()) return false;
    for (ClassId child : egraph_.Class(id).nodes[chosen->second].children) {
      if (!AddCost(egraph_.Find(child), done, calls, total, needed)) return false;
    }
    const Option& option = options_.at(id)[chosen->second];
    if (option.call.empty() || calls.insert(option.call).second) total += option.cost;
    done[id] = true;
    if (needed != nullptr) needed->push_back(id);
    return true;
  }

  std::vector<Exchange> Exchanges() const {
    std::vector<ClassId> needed;
    Cost(&needed);
    std::vector<Exchange> exchanges;
    for (ClassId id : needed) {
      const std::vector<Option>& options = options_.at(id);
      for (size_t i = 0; i < options.size(); ++i) {
        if (options[i].cost >= 0 && i != choices_.at(id)) exchanges.push_back({{id, i}});
      }
    }
    for (const auto& [call, members] : calls_) {
      if (options_.at(members[0].first)[members[0].second].cost >= 0) exchanges.push_back(members);
      if (Exchange alone = WithoutCall(members, {needed.begin(), needed.end()}); !alone.empty())
        exchanges.push_back(std::move(alone));
    }
    return exchanges;
  }

  // Each output of a call that is needed from it now by the cheapest node that has a call of its own; empty where one
  // has none.
  Exchange WithoutCall(const Exchange& members, const std::set<ClassId>& needed) const {
    Exchange alone;
    for (const auto& [id, node] : members) {
      if (!needed.contains(id) || choices_.at(id) != node) continue;
      const std::vector<Option>& options = options_.at(id);
      size_t best = options.size();
      for (size_t i = 0; i < options.size(); ++i) {
        if (options[i].cost >= 0 && options[i].call.empty() &&
            (best == options.size() || options[i].cost < options[best].cost))
          best = i;
      }
      if (best == options.size()) return {};
      alone.emplace_back(id, best);
    }
    return alone;
  }

  absl::Status Improve(const CancelToken& token) {
    double best = Cost();
    for (bool improved = true; improved;) {
      improved = false;
      for (const Exchange& exchange : Exchanges()) {
        RETURN_IF_ERROR(token.Check());
        const Choices before = choices_;
        for (const auto& [id, node] : exchange) choices_[id] = node;
        const double cost = Cost();
        if (cost < best * (1 - 1e-12)) {
          best = cost;
          improved = true;
        } else {
          choices_ = before;
        }
      }
    }
    return absl::OkStatus();
  }

  const EGraph& egraph_;
  std::vector<ClassId> results_;
  absl::flat_hash_map<ClassId, std::vector<Option>> options_;
  std::map<std::string, Exchange> calls_;  // The outputs of each call.
  Choices choices_;
};

class Extraction {
 public:
  Extraction(const EGraph& egraph, const Choices& choices) : egraph_(egraph), choices_(choices) {}

  absl::StatusOr<NodeId> Emit(ClassId id) {
    id = egraph_.Find(id);
    const auto [at, inserted] = emitted_.try_emplace(id, kPending);
    if (!inserted) {
      if (at->second == kPending)
        return absl::InternalError(absl::StrCat("choices make class c", id, " depend on itself"));
      return at->second;
    }
    const auto chosen = choices_.find(id);
    if (chosen == choices_.end()) return absl::InternalError(absl::StrCat("nothing is chosen for class c", id));
    const EClass& eclass = egraph_.Class(id);
    const ENode& node = eclass.nodes[chosen->second];
    Node result = {.op = node.op, .attributes = node.attributes, .type = eclass.type};
    for (ClassId child : node.children) {
      ASSIGN_OR_RETURN(const NodeId input, Emit(child));
      result.inputs.push_back(input);
    }
    return emitted_[id] = graph.Add(std::move(result));
  }

  Graph graph;

 private:
  static constexpr NodeId kPending = -1;

  const EGraph& egraph_;
  const Choices& choices_;
  absl::flat_hash_map<ClassId, NodeId> emitted_;
};

}  // namespace

absl::StatusOr<Choices> ChooseCheapest(const EGraph& egraph, absl::Span<const ClassId> results, const NodeCost& cost,
                                       const CancelToken& token) {
  return Chooser(egraph, results, cost).Run(token);
}

std::vector<Exchange> ExchangesOf(const EGraph& egraph, absl::Span<const ClassId> results, const Choices& choices,
                                  const NodeCost& cost) {
  return Chooser(egraph, results, cost).ExchangesFrom(choices);
}

absl::StatusOr<Graph> Extract(const EGraph& egraph, absl::Span<const ClassId> results, const Choices& choices) {
  Extraction extraction(egraph, choices);
  std::vector<NodeId> nodes;
  for (ClassId id : results) {
    ASSIGN_OR_RETURN(const NodeId node, extraction.Emit(id));
    nodes.push_back(node);
  }
  extraction.graph.set_results(std::move(nodes));
  RETURN_IF_ERROR(VerifyGraph(extraction.graph));
  return std::move(extraction.graph);
}

}  // namespace metronome::compiler
