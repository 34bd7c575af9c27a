#include "compiler/rules/pattern.h"

#include <cmath>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

bool IsCommutative(Op op) {
  return op == Op::kAdd || op == Op::kMul || op == Op::kMaximum || op == Op::kMinimum || op == Op::kAnd ||
         op == Op::kEq;
}

// Frontends compute constants in double, imported graphs carry them in float32.
bool SameScalar(double a, double b) { return static_cast<float>(a) == static_cast<float>(b); }

const double* ScalarValue(const Node& node) {
  if (node.op != Op::kConstant) return nullptr;
  const std::vector<double>& values = node.attributes.Floats("values");
  return values.size() == 1 ? &values[0] : nullptr;
}

}  // namespace

class Pattern::Parser {
 public:
  Parser(absl::string_view text, std::vector<Term>& terms) : text_(text), terms_(terms) {}

  absl::StatusOr<int> ParseAll() {
    ASSIGN_OR_RETURN(const int root, ParseTerm());
    if (!NextToken().empty()) return Error("text after the pattern");
    return root;
  }

 private:
  absl::Status Error(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat("pattern '", text_, "', offset ", offset_, ": ", why));
  }

  absl::string_view NextToken() {
    while (offset_ < text_.size() && absl::ascii_isspace(text_[offset_])) ++offset_;
    const size_t begin = offset_;
    if (offset_ < text_.size() && (text_[offset_] == '(' || text_[offset_] == ')')) {
      ++offset_;
    } else {
      while (offset_ < text_.size() && !absl::ascii_isspace(text_[offset_]) && text_[offset_] != '(' &&
             text_[offset_] != ')')
        ++offset_;
    }
    return text_.substr(begin, offset_ - begin);
  }

  int Append(Term term) {
    terms_.push_back(std::move(term));
    return static_cast<int>(terms_.size()) - 1;
  }

  absl::StatusOr<int> ParseTerm() {
    absl::string_view token = NextToken();
    if (token.empty()) return Error("the pattern ends early");
    if (token == ")") return Error("nothing to close");
    if (token == "(") return ParseList();
    if (absl::ConsumePrefix(&token, "?")) return Append({.kind = Kind::kVariable, .name = std::string(token)});
    if (absl::ConsumePrefix(&token, "#")) return Append({.kind = Kind::kScalar, .name = std::string(token)});
    double value = 0;
    if (!absl::SimpleAtod(token, &value)) return Error(absl::StrCat("'", token, "' is no variable, scalar or number"));
    return Append({.kind = Kind::kLiteral, .value = value});
  }

  absl::StatusOr<int> ParseList() {
    absl::string_view head = NextToken();
    Term term;
    if (head == "=") {
      term.kind = Kind::kBind;
      absl::string_view name = NextToken();
      if (!absl::ConsumePrefix(&name, "?")) return Error("'=' needs a ?variable");
      term.name = std::string(name);
    } else {
      term.kind = absl::ConsumeSuffix(&head, "?") ? Kind::kOptionalOp : Kind::kOp;
      const std::optional<Op> op = ParseOp(head);
      if (!op.has_value()) return Error(absl::StrCat("unknown op '", head, "'"));
      term.op = *op;
    }
    for (;;) {
      const size_t before = offset_;
      const absl::string_view token = NextToken();
      if (token == ")") break;
      if (term.kind != Kind::kBind && absl::StrContains(token, '=')) {
        term.attributes.emplace_back(token);
        continue;
      }
      offset_ = before;
      ASSIGN_OR_RETURN(const int operand, ParseTerm());
      term.operands.push_back(operand);
    }
    if (term.kind != Kind::kOp && term.operands.size() != 1) return Error("takes exactly one operand");
    return Append(std::move(term));
  }

  absl::string_view text_;
  std::vector<Term>& terms_;
  size_t offset_ = 0;
};

// Backtracking search in continuation-passing style: each alternative (operand order, optional op) calls the rest of
// the match, so a choice that fails later is undone.
class Pattern::Matcher {
 public:
  using Rest = absl::FunctionRef<bool()>;

  Matcher(const Graph& graph, const std::vector<Term>& terms, Match& match)
      : graph_(graph), terms_(terms), match_(match) {}

  bool Run(int term_index, NodeId id, Rest rest) {
    const Term& term = terms_[term_index];
    const Node& node = graph_.node(id);
    switch (term.kind) {
      case Kind::kVariable:
        return Bind(match_.nodes, term.name, id, rest);
      case Kind::kBind:
        return Run(term.operands[0], id, [&] { return Bind(match_.nodes, term.name, id, rest); });
      case Kind::kScalar: {
        const double* value = ScalarValue(node);
        return value != nullptr && Bind(match_.scalars, term.name, *value, rest);
      }
      case Kind::kLiteral: {
        const double* value = ScalarValue(node);
        return value != nullptr && SameScalar(*value, term.value) && rest();
      }
      case Kind::kOptionalOp:
        if (IsCalled(term, node) && Enter(term, id, rest)) return true;
        return Run(term.operands[0], id, rest);
      case Kind::kOp:
        return IsCalled(term, node) && Enter(term, id, rest);
    }
    return false;
  }

 private:
  template <typename Map, typename Value>
  static bool Bind(Map& map, const std::string& name, Value value, Rest rest) {
    const auto [at, inserted] = map.try_emplace(name, value);
    if (!inserted) return at->second == value && rest();
    if (rest()) return true;
    map.erase(name);
    return false;
  }

  static bool IsCalled(const Term& term, const Node& node) {
    if (node.op != term.op) return false;
    for (const std::string& wanted : term.attributes) {
      const std::string name = wanted.substr(0, wanted.find('='));
      const AttributeValue* value = node.attributes.Find(name);
      if (value == nullptr || Attributes({{name, *value}}).ToString() != wanted) return false;
    }
    return true;
  }

  bool Enter(const Term& term, NodeId id, Rest rest) {
    const std::vector<NodeId>& inputs = graph_.node(id).inputs;
    if (inputs.size() != term.operands.size()) return false;
    match_.interior.push_back(id);
    if (RunOperands(term, inputs, 0, rest)) return true;
    if (IsCommutative(term.op) && RunOperands(term, {inputs[1], inputs[0]}, 0, rest)) return true;
    match_.interior.pop_back();
    return false;
  }

  bool RunOperands(const Term& term, const std::vector<NodeId>& inputs, size_t at, Rest rest) {
    if (at == inputs.size()) return rest();
    return Run(term.operands[at], inputs[at], [&] { return RunOperands(term, inputs, at + 1, rest); });
  }

  const Graph& graph_;
  const std::vector<Term>& terms_;
  Match& match_;
};

absl::StatusOr<Pattern> Pattern::Parse(absl::string_view text) {
  Pattern pattern;
  Parser parser(text, pattern.terms_);
  ASSIGN_OR_RETURN(pattern.root_, parser.ParseAll());
  return pattern;
}

bool Pattern::MatchAt(const Graph& graph, NodeId root, Match& match) const {
  match = Match();
  Matcher matcher(graph, terms_, match);
  if (!matcher.Run(root_, root, [] { return true; })) return false;
  std::erase(match.interior, root);
  return true;
}

}  // namespace metronome
