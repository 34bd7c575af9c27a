#ifndef METRONOME_COMPILER_RULES_PATTERN_H_
#define METRONOME_COMPILER_RULES_PATTERN_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/graph.h"

namespace metronome {

// What a pattern bound in a graph.
struct Match {
  absl::flat_hash_map<std::string, NodeId> nodes;    // By variable name, without '?'.
  absl::flat_hash_map<std::string, double> scalars;  // By name, without '#'.
  std::vector<NodeId> interior;  // Nodes the pattern consumed below its root, constants excluded; may repeat.
};

// A tree to find in a graph, written as an s-expression:
//   (op a b)      a node with this op whose inputs match; commutative ops match in either order. Before the operands,
//   name=value asks
//                 for an attribute, spelled as Attributes::ToString does: (transpose permutation=[1,0,2] ?x).
//   (op? a)       the same, or, where there is no such node, `a` itself. For casts that a float32 graph lacks.
//   ?x            any node; the same name must mean the same node everywhere.
//   (= ?x p)      a node that matches p, bound to ?x.
//   #n            a constant of one element, bound by value; the same name must mean the same value.
//   1.5, -inf     a constant of that value (float32 precision).
class Pattern {
 public:
  // InvalidArgument, with the offset, for text that is not one well-formed pattern over known ops.
  static absl::StatusOr<Pattern> Parse(absl::string_view text);

  // Whether `root` matches; fills `match` (emptied first) if so, else leaves it unspecified.
  bool MatchAt(const Graph& graph, NodeId root, Match& match) const;

 private:
  enum class Kind : uint8_t { kVariable, kBind, kScalar, kLiteral, kOp, kOptionalOp };
  struct Term {
    Kind kind = Kind::kVariable;
    std::string name;                     // kVariable, kBind, kScalar.
    double value = 0;                     // kLiteral.
    Op op = Op::kCast;                    // kOp, kOptionalOp.
    std::vector<std::string> attributes;  // "name=value", kOp and kOptionalOp.
    std::vector<int> operands;            // Indices into terms_.
  };
  class Parser;
  class Matcher;

  std::vector<Term> terms_;
  int root_ = 0;
};

}  // namespace metronome

#endif  // METRONOME_COMPILER_RULES_PATTERN_H_
