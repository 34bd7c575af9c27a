#include "compiler/egraph/pattern.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "compiler/egraph/s_expression.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

// Frontends compute constants in double, imported graphs carry them in float32.
bool SameScalar(double a, double b) { return static_cast<float>(a) == static_cast<float>(b); }

}  // namespace

int Variables::FindSlot(const Names& names, absl::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

int Variables::Slot(Names& names, absl::string_view name) {
  const int slot = FindSlot(names, name);
  if (slot >= 0) return slot;
  names.emplace_back(name);
  return static_cast<int>(names.size()) - 1;
}

class Pattern::Parser {
 public:
  Parser(absl::string_view text, Variables& variables, std::vector<Term>& terms)
      : reader_(text), variables_(variables), terms_(terms) {}

  absl::StatusOr<int> ParseAll() {
    ASSIGN_OR_RETURN(const int root, ParseTerm());
    if (!reader_.Next().empty()) return reader_.Error("text after the pattern");
    return root;
  }

 private:
  int Append(Term term) {
    terms_.push_back(std::move(term));
    return static_cast<int>(terms_.size()) - 1;
  }

  absl::StatusOr<int> ParseTerm() {
    absl::string_view word = reader_.Next();
    if (word.empty()) return reader_.Error("the pattern ends early");
    if (word == ")") return reader_.Error("nothing to close");
    if (word == "(") return ParseList();
    if (absl::ConsumePrefix(&word, "?")) return Append({.kind = Kind::kVariable, .slot = variables_.ClassSlot(word)});
    if (absl::ConsumePrefix(&word, "#")) return Append({.kind = Kind::kScalar, .slot = variables_.ScalarSlot(word)});
    double value = 0;
    if (!absl::SimpleAtod(word, &value))
      return reader_.Error(absl::StrCat("'", word, "' is no variable, scalar or number"));
    return Append({.kind = Kind::kLiteral, .value = value});
  }

  absl::StatusOr<int> ParseList() {
    absl::string_view head = reader_.Next();
    Term term;
    if (head == "=") {
      term.kind = Kind::kBind;
      absl::string_view name = reader_.Next();
      if (!absl::ConsumePrefix(&name, "?")) return reader_.Error("'=' needs a ?variable");
      term.slot = variables_.ClassSlot(name);
    } else {
      term.kind = absl::ConsumeSuffix(&head, "?") ? Kind::kOptionalOp : Kind::kOp;
      const std::optional<kernels::Op> op = kernels::ParseOp(head);
      if (!op.has_value()) return reader_.Error(absl::StrCat("unknown op '", head, "'"));
      term.op = *op;
      ParseAttributes(term);
    }
    while (reader_.Peek() != ")") {
      ASSIGN_OR_RETURN(const int operand, ParseTerm());
      term.operands.push_back(operand);
    }
    reader_.Next();
    if (term.kind != Kind::kOp && term.operands.size() != 1) return reader_.Error("takes exactly one operand");
    return Append(std::move(term));
  }

  void ParseAttributes(Term& term) {
    for (absl::string_view word = reader_.Peek(); absl::StrContains(word, '=') || absl::StartsWith(word, "@");
         word = reader_.Peek()) {
      reader_.Next();
      if (absl::ConsumePrefix(&word, "@")) {
        term.attributes_slot = variables_.AttributesSlot(word);
      } else {
        const size_t equals = word.find('=');
        term.required.emplace_back(word.substr(0, equals), ParseAttributeValue(word.substr(equals + 1)));
      }
    }
  }

  SExpressionReader reader_;
  Variables& variables_;
  std::vector<Term>& terms_;
};

// Backtracking search in continuation-passing style: each alternative (node of a class, operand order, optional op)
// calls the rest of the match, and what it bound is undone.
class Pattern::Matcher {
 public:
  using Rest = absl::FunctionRef<bool()>;

  Matcher(const EGraph& egraph, const std::vector<Term>& terms, Substitution& bound)
      : egraph_(egraph), terms_(terms), bound_(bound) {}

  // Every function returns false once a match said that it is enough.
  bool Run(int term_index, ClassId id, Rest rest) {
    const Term& term = terms_[term_index];
    const EClass& eclass = egraph_.Class(id);
    switch (term.kind) {
      case Kind::kVariable:
        return BindClass(term.slot, id, rest);
      case Kind::kBind:
        return Run(term.operands[0], id, [&] { return BindClass(term.slot, id, rest); });
      case Kind::kScalar: {
        if (!eclass.constant.has_value()) return true;
        std::optional<double>& slot = bound_.scalars[term.slot];
        if (slot.has_value()) return !SameScalar(*slot, *eclass.constant) || rest();
        slot = eclass.constant;
        const bool more = rest();
        slot.reset();
        return more;
      }
      case Kind::kLiteral:
        return !eclass.constant.has_value() || !SameScalar(*eclass.constant, term.value) || rest();
      case Kind::kOptionalOp:
        return RunOp(term, eclass, rest) && Run(term.operands[0], id, rest);
      case Kind::kOp:
        return RunOp(term, eclass, rest);
    }
    return true;
  }

 private:
  bool BindClass(int slot, ClassId id, Rest rest) {
    ClassId& bound = bound_.classes[slot];
    id = egraph_.Find(id);
    if (bound >= 0) return egraph_.Find(bound) != id || rest();
    bound = id;
    const bool more = rest();
    bound_.classes[slot] = -1;
    return more;
  }

  bool RunOp(const Term& term, const EClass& eclass, Rest rest) {
    for (const ENode& node : eclass.nodes) {
      if (node.op != term.op || node.children.size() != term.operands.size() || !HasRequired(term, node)) continue;
      if (!BindAttributes(term, node, rest)) return false;
    }
    return true;
  }

  static bool HasRequired(const Term& term, const ENode& node) {
    for (const auto& [name, wanted] : term.required) {
      const kernels::AttributeValue* value = node.attributes.Find(name);
      if (value == nullptr || *value != wanted) return false;
    }
    return true;
  }

  bool BindAttributes(const Term& term, const ENode& node, Rest rest) {
    if (term.attributes_slot < 0) return RunOrders(term, node, rest);
    std::optional<kernels::Attributes>& slot = bound_.attributes[term.attributes_slot];
    if (slot.has_value()) return *slot != node.attributes || RunOrders(term, node, rest);
    slot = node.attributes;
    const bool more = RunOrders(term, node, rest);
    slot.reset();
    return more;
  }

  bool RunOrders(const Term& term, const ENode& node, Rest rest) {
    if (!RunOperands(term, node.children, 0, rest)) return false;
    if (!kernels::IsCommutative(term.op) || SwapsAlike(term)) return true;
    return RunOperands(term, {node.children[1], node.children[0]}, 0, rest);
  }

  // Two free variables would give each match twice, with the names exchanged.
  bool SwapsAlike(const Term& term) const {
    return std::all_of(term.operands.begin(), term.operands.end(), [&](int operand) {
      return terms_[operand].kind == Kind::kVariable && bound_.classes[terms_[operand].slot] < 0;
    });
  }

  bool RunOperands(const Term& term, const std::vector<ClassId>& children, size_t at, Rest rest) {
    if (at == children.size()) return rest();
    return Run(term.operands[at], children[at], [&] { return RunOperands(term, children, at + 1, rest); });
  }

  const EGraph& egraph_;
  const std::vector<Term>& terms_;
  Substitution& bound_;
};

absl::StatusOr<Pattern> Pattern::Parse(absl::string_view text, Variables& variables) {
  Pattern pattern;
  Parser parser(text, variables, pattern.terms_);
  ASSIGN_OR_RETURN(pattern.root_, parser.ParseAll());
  return pattern;
}

std::optional<kernels::Op> Pattern::root_op() const {
  const Term* term = &terms_[root_];
  while (term->kind == Kind::kBind) term = &terms_[term->operands[0]];
  if (term->kind != Kind::kOp) return std::nullopt;
  return term->op;
}

bool Pattern::Match(const EGraph& egraph, ClassId root, Substitution& bound, absl::FunctionRef<bool()> found) const {
  return Matcher(egraph, terms_, bound).Run(root_, root, found);
}

}  // namespace metronome::compiler
