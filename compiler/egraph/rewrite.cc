#include "compiler/egraph/rewrite.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "compiler/egraph/s_expression.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

constexpr absl::string_view kRoot = "root";

// The right-hand side of a rule: a term to build.
class Template {
 public:
  static absl::StatusOr<Template> Parse(absl::string_view text, const Variables& variables) {
    Template result;
    SExpressionReader reader(text);
    ASSIGN_OR_RETURN(result.root_, result.ParseTerm(reader, variables));
    if (!reader.Next().empty()) return reader.Error("text after the result");
    return result;
  }

  // InvalidArgument when an op does not accept its inputs.
  absl::StatusOr<ClassId> Build(EGraph& egraph, const RewriteMatch& match) const {
    return BuildTerm(root_, egraph, match);
  }

 private:
  struct AttributeSource {
    std::string name;
    kernels::AttributeValue value;  // Unless a scalar gives it.
    int scalar_slot = -1;
    bool as_integer = false;
  };
  struct Term {
    int class_slot = -1;   // A variable.
    int scalar_slot = -1;  // A constant, or
    std::optional<double> literal;
    kernels::Op op = kernels::Op::kConstant;  // an op:
    std::vector<AttributeSource> attributes;
    int attributes_slot = -1;  // Copied first.
    int like_slot = -1;
    std::vector<int> operands;
  };

  absl::StatusOr<int> ParseTerm(SExpressionReader& reader, const Variables& variables) {
    absl::string_view word = reader.Next();
    Term term;
    double value = 0;
    if (word == "(") {
      ASSIGN_OR_RETURN(term, ParseOpTerm(reader, variables));
    } else if (absl::ConsumePrefix(&word, "?")) {
      ASSIGN_OR_RETURN(term.class_slot, Bound(reader, word, variables.FindClass(word)));
    } else if (absl::ConsumePrefix(&word, "#")) {
      ASSIGN_OR_RETURN(term.scalar_slot, Bound(reader, word, variables.FindScalar(word)));
    } else if (absl::SimpleAtod(word, &value)) {
      term.literal = value;
    } else {
      return reader.Error(absl::StrCat("'", word, "' is no result"));
    }
    terms_.push_back(std::move(term));
    return static_cast<int>(terms_.size()) - 1;
  }

  absl::StatusOr<Term> ParseOpTerm(SExpressionReader& reader, const Variables& variables) {
    Term term;
    const absl::string_view head = reader.Next();
    const std::optional<kernels::Op> op = kernels::ParseOp(head);
    if (!op.has_value()) return reader.Error(absl::StrCat("unknown op '", head, "'"));
    term.op = *op;
    for (absl::string_view word = reader.Peek(); absl::StrContains(word, '=') || absl::StartsWith(word, "@");
         word = reader.Peek()) {
      reader.Next();
      RETURN_IF_ERROR(ParseAttribute(reader, word, variables, term));
    }
    while (reader.Peek() != ")") {
      ASSIGN_OR_RETURN(const int operand, ParseTerm(reader, variables));
      term.operands.push_back(operand);
    }
    reader.Next();
    return term;
  }

  static absl::Status ParseAttribute(const SExpressionReader& reader, absl::string_view word,
                                     const Variables& variables, Term& term) {
    if (absl::ConsumePrefix(&word, "@")) {
      ASSIGN_OR_RETURN(term.attributes_slot, Bound(reader, word, variables.FindAttributes(word)));
      return absl::OkStatus();
    }
    const size_t equals = word.find('=');
    absl::string_view value = word.substr(equals + 1);
    if (absl::ConsumePrefix(&value, "?")) {
      ASSIGN_OR_RETURN(term.like_slot, Bound(reader, value, variables.FindClass(value)));
      return absl::OkStatus();
    }
    AttributeSource source = {.name = std::string(word.substr(0, equals))};
    source.as_integer = absl::ConsumePrefix(&value, "int:");
    if (absl::ConsumePrefix(&value, "#")) {
      ASSIGN_OR_RETURN(source.scalar_slot, Bound(reader, value, variables.FindScalar(value)));
    } else {
      source.value = ParseAttributeValue(value);
    }
    term.attributes.push_back(std::move(source));
    return absl::OkStatus();
  }

  static absl::StatusOr<int> Bound(const SExpressionReader& reader, absl::string_view name, int slot) {
    if (slot < 0) return reader.Error(absl::StrCat("no pattern binds '", name, "'"));
    return slot;
  }

  absl::StatusOr<ClassId> BuildTerm(int index, EGraph& egraph, const RewriteMatch& match) const {
    const Term& term = terms_[index];
    if (term.class_slot >= 0) return egraph.Find(match.bound.classes[term.class_slot]);
    if (term.scalar_slot >= 0 || term.literal.has_value()) {
      const double value = term.literal.has_value() ? *term.literal : *match.bound.scalars[term.scalar_slot];
      return egraph.Add({kernels::Op::kConstant,
                         {},
                         {{"values", std::vector<double>{value}}},
                         {egraph.Class(match.root).type.dtype, {}}});
    }
    ENode node = {.op = term.op};
    if (term.attributes_slot >= 0) node.attributes = *match.bound.attributes[term.attributes_slot];
    for (const AttributeSource& source : term.attributes) {
      if (source.scalar_slot < 0) {
        node.attributes.Set(source.name, source.value);
      } else if (const double value = *match.bound.scalars[source.scalar_slot]; source.as_integer) {
        node.attributes.Set(source.name, static_cast<int64_t>(value));
      } else {
        node.attributes.Set(source.name, value);
      }
    }
    if (term.like_slot >= 0) {
      node.declared = egraph.Class(match.bound.classes[term.like_slot]).type;
      if (node.op == kernels::Op::kCast) node.declared.shape.clear();
    }
    for (int operand : term.operands) {
      ASSIGN_OR_RETURN(const ClassId child, BuildTerm(operand, egraph, match));
      node.children.push_back(child);
    }
    return egraph.Add(std::move(node));
  }

  std::vector<Term> terms_;
  int root_ = 0;
};

struct ConditionCall {
  enum class Kind : uint8_t { kClass, kScalar, kAttributes, kNumber };
  struct Argument {
    Kind kind = Kind::kNumber;
    int slot = -1;
    double number = 0;
  };
  const Condition* condition = nullptr;
  std::vector<Argument> arguments;
};

class TextRewrite final : public Rewrite {
 public:
  static absl::StatusOr<std::unique_ptr<Rewrite>> Parse(absl::string_view name, absl::string_view left,
                                                        absl::string_view right, absl::string_view conditions,
                                                        const ConditionTable& table) {
    auto rewrite = std::make_unique<TextRewrite>();
    rewrite->name_ = std::string(name);
    rewrite->root_slot_ = rewrite->variables_.ClassSlot(kRoot);
    RETURN_IF_ERROR(rewrite->ParsePatterns(left));
    RETURN_IF_ERROR(rewrite->ParseResults(right));
    for (absl::string_view text : absl::StrSplit(conditions, "),", absl::SkipWhitespace())) {
      RETURN_IF_ERROR(rewrite->ParseCondition(text, table));
    }
    return rewrite;
  }

  absl::string_view name() const override { return name_; }

  std::vector<RewriteMatch> Search(const EGraph& egraph, size_t limit) const override {
    std::vector<RewriteMatch> matches;
    const std::optional<kernels::Op> op = patterns_[0].pattern.root_op();
    const absl::Span<const ClassId> roots =
        op.has_value() ? egraph.ClassesWith(*op) : absl::MakeConstSpan(egraph.Classes());
    for (ClassId root : roots) {
      Substitution bound(variables_);
      bound.classes[root_slot_] = root;
      const size_t before = matches.size();
      const bool more = Extend(egraph, 0, root, bound, [&] {
        const auto is_same = [&](const RewriteMatch& match) { return match.bound == bound; };
        if (Holds(egraph, bound) &&
            std::none_of(matches.begin() + static_cast<ptrdiff_t>(before), matches.end(), is_same))
          matches.push_back({root, bound});
        return matches.size() < limit;
      });
      if (!more) break;
    }
    return matches;
  }

  ApplyOutcome Apply(EGraph& egraph, const RewriteMatch& match) const override {
    std::vector<std::pair<ClassId, ClassId>> equal;
    for (const Result& result : results_) {
      const ClassId target = match.bound.classes[result.target_slot];
      const absl::StatusOr<ClassId> built = result.value.Build(egraph, match);
      if (!built.ok() || egraph.Class(*built).type != egraph.Class(target).type) return ApplyOutcome::kDeclined;
      equal.emplace_back(target, *built);
    }
    bool changed = false;
    for (const auto& [target, built] : equal) changed = egraph.Merge(target, built) || changed;
    return changed ? ApplyOutcome::kChanged : ApplyOutcome::kUnchanged;
  }

 private:
  struct BoundPattern {
    int slot = -1;  // The class it describes.
    Pattern pattern;
  };
  struct Result {
    int target_slot = -1;
    Template value;
  };

  // "?name WORD rest" as its slot and the rest.
  absl::StatusOr<std::pair<int, absl::string_view>> ParseTarget(absl::string_view text, absl::string_view word) const {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits(absl::StrCat(" ", word, " "), 1));
    absl::string_view name = absl::StripAsciiWhitespace(parts.first);
    const int slot = absl::ConsumePrefix(&name, "?") ? variables_.FindClass(name) : -1;
    if (slot < 0)
      return absl::InvalidArgumentError(absl::StrCat("'", text, "' names no variable of the pattern before it"));
    return std::make_pair(slot, parts.second);
  }

  absl::Status ParsePatterns(absl::string_view text) {
    for (absl::string_view part : absl::StrSplit(text, " where ")) {
      BoundPattern pattern = {.slot = root_slot_};
      if (!patterns_.empty()) {
        ASSIGN_OR_RETURN(std::tie(pattern.slot, part), ParseTarget(part, "is"));
      }
      ASSIGN_OR_RETURN(pattern.pattern, Pattern::Parse(part, variables_));
      patterns_.push_back(std::move(pattern));
    }
    return absl::OkStatus();
  }

  absl::Status ParseResults(absl::string_view text) {
    for (absl::string_view part : absl::StrSplit(text, " also ")) {
      Result result = {.target_slot = root_slot_};
      if (!results_.empty()) {
        ASSIGN_OR_RETURN(std::tie(result.target_slot, part), ParseTarget(part, "="));
      }
      ASSIGN_OR_RETURN(result.value, Template::Parse(part, variables_));
      results_.push_back(std::move(result));
    }
    return absl::OkStatus();
  }

  absl::Status ParseCondition(absl::string_view text, const ConditionTable& table) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('(', 1));
    const auto found = table.find(std::string(absl::StripAsciiWhitespace(parts.first)));
    if (found == table.end()) return absl::InvalidArgumentError(absl::StrCat("unknown condition '", text, "'"));
    ConditionCall call = {.condition = &found->second};
    for (absl::string_view word :
         absl::StrSplit(absl::StripSuffix(absl::StripAsciiWhitespace(parts.second), ")"), ',')) {
      word = absl::StripAsciiWhitespace(word);
      ConditionCall::Argument argument;
      char kind = '#';
      if (absl::ConsumePrefix(&word, "?")) {
        argument = {ConditionCall::Kind::kClass, variables_.FindClass(word)};
        kind = '?';
      } else if (absl::ConsumePrefix(&word, "#")) {
        argument = {ConditionCall::Kind::kScalar, variables_.FindScalar(word)};
      } else if (absl::ConsumePrefix(&word, "@")) {
        argument = {ConditionCall::Kind::kAttributes, variables_.FindAttributes(word)};
        kind = '@';
      } else if (absl::SimpleAtod(word, &argument.number)) {
        argument.slot = 0;
      }
      const size_t at = call.arguments.size();
      const std::string& signature = call.condition->signature;
      if (argument.slot < 0 || at >= signature.size() || signature[at] != kind)
        return absl::InvalidArgumentError(absl::StrCat("condition '", text, "' does not take '", word, "' there"));
      call.arguments.push_back(argument);
    }
    if (call.arguments.size() != call.condition->signature.size())
      return absl::InvalidArgumentError(absl::StrCat("condition '", text, "' lacks arguments"));
    conditions_.push_back(std::move(call));
    return absl::OkStatus();
  }

  bool Extend(const EGraph& egraph, size_t index, ClassId root, Substitution& bound,
              absl::FunctionRef<bool()> found) const {
    return patterns_[index].pattern.Match(egraph, root, bound, [&] {
      if (index + 1 == patterns_.size()) return found();
      return Extend(egraph, index + 1, bound.classes[patterns_[index + 1].slot], bound, found);
    });
  }

  bool Holds(const EGraph& egraph, const Substitution& bound) const {
    return std::all_of(conditions_.begin(), conditions_.end(), [&](const ConditionCall& call) {
      std::vector<ConditionArgument> arguments;
      for (const ConditionCall::Argument& argument : call.arguments) {
        switch (argument.kind) {
          case ConditionCall::Kind::kClass:
            arguments.push_back({.eclass = &egraph.Class(bound.classes[argument.slot])});
            break;
          case ConditionCall::Kind::kScalar:
            arguments.push_back({.scalar = *bound.scalars[argument.slot]});
            break;
          case ConditionCall::Kind::kAttributes:
            arguments.push_back({.attributes = &*bound.attributes[argument.slot]});
            break;
          case ConditionCall::Kind::kNumber:
            arguments.push_back({.scalar = argument.number});
            break;
        }
      }
      return call.condition->holds(arguments);
    });
  }

  std::string name_;
  Variables variables_;
  int root_slot_ = 0;
  std::vector<BoundPattern> patterns_;
  std::vector<Result> results_;
  std::vector<ConditionCall> conditions_;
};

// Lines with their continuations joined, comments and blank lines left out, and $words replaced.
std::vector<std::string> LogicalLines(absl::string_view text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || absl::StartsWith(stripped, "#")) continue;
    const bool continues = absl::StartsWith(line, "   ") && !lines.empty();
    if (continues) {
      absl::StrAppend(&lines.back(), " ", stripped);
    } else {
      lines.emplace_back(stripped);
    }
  }
  return lines;
}

absl::Status ParseRule(absl::string_view line, const ConditionTable& table, RewriteList& rules) {
  const std::pair<absl::string_view, absl::string_view> named = absl::StrSplit(line, absl::MaxSplits(": ", 1));
  const std::pair<absl::string_view, absl::string_view> conditioned =
      absl::StrSplit(named.second, absl::MaxSplits(" if ", 1));
  const bool both_ways = absl::StrContains(conditioned.first, " <=> ");
  const std::pair<absl::string_view, absl::string_view> sides =
      absl::StrSplit(conditioned.first, absl::MaxSplits(both_ways ? " <=> " : " => ", 1));
  if (sides.second.empty()) return absl::InvalidArgumentError("no '=>'");
  ASSIGN_OR_RETURN(std::unique_ptr<Rewrite> rule,
                   TextRewrite::Parse(named.first, sides.first, sides.second, conditioned.second, table));
  rules.push_back(std::move(rule));
  if (!both_ways) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<Rewrite> back, TextRewrite::Parse(absl::StrCat(named.first, "-back"), sides.second,
                                                                     sides.first, conditioned.second, table));
  rules.push_back(std::move(back));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RewriteList> ParseRules(absl::string_view text, const ConditionTable& conditions) {
  RewriteList rules;
  std::vector<std::pair<std::string, std::string>> words;
  for (std::string& line : LogicalLines(text)) {
    absl::StrReplaceAll(words, &line);
    absl::string_view definition = line;
    if (absl::ConsumePrefix(&definition, "let ")) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(definition, absl::MaxSplits(" = ", 1));
      words.emplace_back(absl::StrCat("$", parts.first), std::string(parts.second));
      continue;
    }
    if (absl::Status status = ParseRule(line, conditions, rules); !status.ok())
      return absl::InvalidArgumentError(absl::StrCat("rule '", line, "': ", status.message()));
  }
  return rules;
}

}  // namespace metronome::compiler
