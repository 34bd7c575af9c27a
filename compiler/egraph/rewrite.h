#ifndef METRONOME_COMPILER_EGRAPH_REWRITE_H_
#define METRONOME_COMPILER_EGRAPH_REWRITE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/egraph/e_graph.h"
#include "compiler/egraph/pattern.h"

namespace metronome::compiler {

struct RewriteMatch {
  ClassId root = -1;
  Substitution bound;
};

enum class ApplyOutcome : uint8_t {
  kChanged,    // Two classes became one.
  kUnchanged,  // The graph knew it already.
  kDeclined,   // The result would not have the type of what it replaces.
};

// A named statement that values of one form equal values of another.
class Rewrite {
 public:
  virtual ~Rewrite() = default;
  virtual absl::string_view name() const = 0;  // kebab-case.
  // Every match whose conditions hold, in a fixed order, up to `limit`.
  virtual std::vector<RewriteMatch> Search(const EGraph& egraph, size_t limit) const = 0;
  // Adds what the match proves. Call Rebuild after all matches of a search.
  virtual ApplyOutcome Apply(EGraph& egraph, const RewriteMatch& match) const = 0;
};

using RewriteList = std::vector<std::unique_ptr<Rewrite>>;

// One argument of a condition: a class ?x, a scalar #s, the attributes @a of a matched node, or a number.
struct ConditionArgument {
  const EClass* eclass = nullptr;
  const kernels::Attributes* attributes = nullptr;
  double scalar = 0;
};

// A predicate that rules name, and how many arguments it takes of which kind: one of "?#@" each; '#' also takes a
// number.
struct Condition {
  std::string signature;
  bool (*holds)(const std::vector<ConditionArgument>& arguments);
};
using ConditionTable = std::map<std::string, Condition>;

// Reads rules, one a line (continuation lines are indented deeper than two spaces; '#' at the start of a line
// comments):
//   name: PATTERN [where ?x is PATTERN]... => RESULT [also ?x = RESULT]... [if condition(arguments), ...]
//   let word = text          replaces $word in later lines
// PATTERN is described in pattern.h. A rule fires for each match of the first pattern that can be extended to those
// after `where`. RESULT is ?x, or (op attributes... results...) with
//   name=value, name=#s, name=int:#s   an attribute
//   @a                                 all attributes of a matched node
//   like=?x                            the type of ?x, for ops that declare theirs (cast, reshape, broadcast, slice)
// and #s or a number as a constant of the dtype of ?root, the class that the first pattern matched. The result becomes
// equal to ?root, and with `also` a second one to ?x. A result whose type is not that of its class is declined.
// `<=>` in place of `=>` gives a second rule, name-back, from right to left.
// InvalidArgument, naming the line and the offset.
absl::StatusOr<RewriteList> ParseRules(absl::string_view text, const ConditionTable& conditions);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_REWRITE_H_
