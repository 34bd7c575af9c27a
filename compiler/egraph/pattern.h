#ifndef METRONOME_COMPILER_EGRAPH_PATTERN_H_
#define METRONOME_COMPILER_EGRAPH_PATTERN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/egraph/e_graph.h"

namespace metronome::compiler {

// The names of one rewrite, shared by its patterns and conditions, and their places in a Substitution.
class Variables {
 public:
  int ClassSlot(absl::string_view name) { return Slot(classes_, name); }
  int ScalarSlot(absl::string_view name) { return Slot(scalars_, name); }
  int AttributesSlot(absl::string_view name) { return Slot(attributes_, name); }

  // -1 for a name that no pattern binds.
  int FindClass(absl::string_view name) const { return FindSlot(classes_, name); }
  int FindScalar(absl::string_view name) const { return FindSlot(scalars_, name); }
  int FindAttributes(absl::string_view name) const { return FindSlot(attributes_, name); }

  size_t classes() const { return classes_.size(); }
  size_t scalars() const { return scalars_.size(); }
  size_t attributes() const { return attributes_.size(); }

 private:
  using Names = std::vector<std::string>;
  static int FindSlot(const Names& names, absl::string_view name);
  static int Slot(Names& names, absl::string_view name);

  Names classes_, scalars_, attributes_;
};

// What a match bound.
struct Substitution {
  std::vector<ClassId> classes;  // -1 where unbound.
  std::vector<std::optional<double>> scalars;
  std::vector<std::optional<kernels::Attributes>> attributes;

  Substitution() = default;
  explicit Substitution(const Variables& variables)
      : classes(variables.classes(), -1), scalars(variables.scalars()), attributes(variables.attributes()) {}
  friend bool operator==(const Substitution&, const Substitution&) = default;
};

// A tree to find in an e-graph, written as an s-expression:
//   (op a b)      a node with this op and exactly these inputs; commutative ops match in either order. Before the
//                 inputs, name=value asks for an attribute, spelled as Attributes::ToString does:
//                 (transpose permutation=[1,0,2] ?x); and @a binds all attributes of the node.
//   (op? a)       the same, or, where there is no such node, `a` itself. For casts that a float32 graph lacks.
//   ?x            any class; the same name must mean the same class everywhere.
//   (= ?x p)      a class that matches p, bound to ?x.
//   #n            a constant of one element, bound by value; the same name must mean the same value.
//   1.5, -inf     a constant of that value (float32 precision).
// Compiled once: names become slots, attribute texts become values.
class Pattern {
 public:
  // InvalidArgument, with the offset, for text that is not one well-formed pattern over known ops.
  static absl::StatusOr<Pattern> Parse(absl::string_view text, Variables& variables);

  // The op every match has at its root; nullopt where that is not fixed.
  std::optional<kernels::Op> root_op() const;

  // Calls `found` for each way in which class `root` matches under what `bound` has bound already; bindings are undone
  // afterwards. Stops when `found` says false, and then returns false.
  bool Match(const EGraph& egraph, ClassId root, Substitution& bound, absl::FunctionRef<bool()> found) const;

 private:
  enum class Kind : uint8_t { kVariable, kBind, kScalar, kLiteral, kOp, kOptionalOp };
  struct Term {
    Kind kind = Kind::kVariable;
    int slot = -1;                                                          // kVariable, kBind, kScalar.
    double value = 0;                                                       // kLiteral.
    kernels::Op op = kernels::Op::kCast;                                    // kOp, kOptionalOp.
    std::vector<std::pair<std::string, kernels::AttributeValue>> required;  // kOp, kOptionalOp.
    int attributes_slot = -1;                                               // Likewise; -1 = not bound.
    std::vector<int> operands;                                              // Indices into terms_.
  };
  class Parser;
  class Matcher;

  std::vector<Term> terms_;
  int root_ = 0;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_PATTERN_H_
