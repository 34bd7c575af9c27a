// How Evaluator evaluates expressions.
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/evaluator.h"
#include "runtime/text/jinja/library/filters.h"
#include "runtime/text/jinja/library/globals.h"
#include "runtime/text/jinja/library/value_tests.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
absl::StatusOr<Value> Evaluator::LookUp(const std::string& name, const ScopePtr& scope) const {
  if (const std::optional<Value>* found = scope->Find(name); found != nullptr) {
    if (found->has_value()) return **found;
  } else if (std::optional<Value> global = FindGlobal(name); global.has_value()) {
    return *std::move(global);
  } else if (name == "self") {
    return absl::UnimplementedError("the variable 'self'");
  }
  return NewUndefined(absl::StrCat("'", name, "' is undefined"));
}

absl::StatusOr<std::vector<Value>> Evaluator::EvaluateAll(const std::vector<ExpressionPtr>& expressions,
                                                          const ScopePtr& scope) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const ExpressionPtr& expression : expressions) {
    ASSIGN_OR_RETURN(values.emplace_back(), Evaluate(*expression, scope));
  }
  return values;
}

absl::StatusOr<Value> Evaluator::Evaluate(const Expression& expression, const ScopePtr& scope) {
  if (expression.kind == ExpressionKind::kConstant) return expression.constant;
  const Budget::Level level(rendering_.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering_.budget.Step());
  absl::StatusOr<Value> value = EvaluateKind(expression, scope);
  // What is inside has been evaluated before, so this is where a failure comes from, but for calls.
  if (value.ok()) rendering_.line = expression.line;
  return value;
}

absl::StatusOr<Value> Evaluator::EvaluateKind(const Expression& expression, const ScopePtr& scope) {
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      return LookUp(expression.name, scope);
    case ExpressionKind::kTuple:
    case ExpressionKind::kList: {
      ASSIGN_OR_RETURN(std::vector<Value> items, EvaluateAll(expression.children, scope));
      if (expression.kind == ExpressionKind::kTuple) return NewTuple(rendering_, std::move(items));
      return NewList(rendering_, std::move(items));
    }
    case ExpressionKind::kDict:
      return EvaluateDict(expression, scope);
    case ExpressionKind::kAttribute: {
      ASSIGN_OR_RETURN(const Value subject, Evaluate(*expression.children[0], scope));
      return Attribute(rendering_, subject, expression.name);
    }
    case ExpressionKind::kItem: {
      ASSIGN_OR_RETURN(const Value subject, Evaluate(*expression.children[0], scope));
      ASSIGN_OR_RETURN(const Value key, Evaluate(*expression.children[1], scope));
      return Item(rendering_, subject, key);
    }
    case ExpressionKind::kSlice:
      return EvaluateSlice(expression, scope);
    case ExpressionKind::kCall:
      return EvaluateCall(expression, scope, /*caller=*/nullptr);
    case ExpressionKind::kFilter:
      return EvaluateFilter(expression, scope, /*subject=*/nullptr);
    case ExpressionKind::kTest: {
      ASSIGN_OR_RETURN(const Value subject, Evaluate(*expression.children[0], scope));
      ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression.call, scope));
      ASSIGN_OR_RETURN(const bool passes, ApplyTest(rendering_, expression.name, subject, std::move(arguments)));
      return Value(passes);
    }
    case ExpressionKind::kConditional:
      return EvaluateConditional(expression, scope);
    case ExpressionKind::kCompare:
      return EvaluateCompare(expression, scope);
    case ExpressionKind::kCalculate: {
      ASSIGN_OR_RETURN(const Value left, Evaluate(*expression.children[0], scope));
      ASSIGN_OR_RETURN(const Value right, Evaluate(*expression.children[1], scope));
      return Calculate(rendering_, expression.binary, left, right);
    }
    case ExpressionKind::kConcatenate:
      return Concatenate(expression, scope);
    case ExpressionKind::kNegate:
    case ExpressionKind::kPlus:
    case ExpressionKind::kNot: {
      ASSIGN_OR_RETURN(const Value operand, Evaluate(*expression.children[0], scope));
      if (expression.kind == ExpressionKind::kNot) return Value(!IsTrue(operand));
      return expression.kind == ExpressionKind::kNegate ? Negate(operand) : Plus(operand);
    }
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return EvaluateLogic(expression, scope);
    case ExpressionKind::kNamespaceTarget:
      break;
  }
  return absl::InternalError("an expression has no kind");
}

absl::StatusOr<Value> Evaluator::EvaluateDict(const Expression& expression, const ScopePtr& scope) {
  Dict dict;
  for (size_t i = 0; i < expression.children.size(); i += 2) {
    ASSIGN_OR_RETURN(const Value key, Evaluate(*expression.children[i], scope));
    ASSIGN_OR_RETURN(Value value, Evaluate(*expression.children[i + 1], scope));
    RETURN_IF_ERROR(SetItem(rendering_, dict, key, std::move(value)));
  }
  return NewDict(rendering_, std::move(dict));
}

absl::StatusOr<Value> Evaluator::EvaluateSlice(const Expression& expression, const ScopePtr& scope) {
  Value parts[4];  // What is sliced, and its start, stop and step.
  for (size_t i = 0; i < 4; ++i) {
    if (expression.children[i] == nullptr) continue;
    ASSIGN_OR_RETURN(parts[i], Evaluate(*expression.children[i], scope));
  }
  return Slice(rendering_, parts[0], parts[1], parts[2], parts[3]);
}

absl::StatusOr<Arguments> Evaluator::EvaluateArguments(const CallSyntax& call, const ScopePtr& scope) {
  Arguments arguments;
  ASSIGN_OR_RETURN(arguments.positional, EvaluateAll(call.positional, scope));
  for (const auto& [name, expression] : call.named) {
    ASSIGN_OR_RETURN(Value value, Evaluate(*expression, scope));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (call.star != nullptr) {
    ASSIGN_OR_RETURN(const Value star, Evaluate(*call.star, scope));
    ASSIGN_OR_RETURN(std::vector<Value> more, Collect(rendering_, star));
    for (Value& value : more) arguments.positional.push_back(std::move(value));
  }
  if (call.star_star != nullptr) {
    ASSIGN_OR_RETURN(const Value named, Evaluate(*call.star_star, scope));
    if (!named.is_dict()) return TypeError("argument after ** must be a mapping");
    for (const auto& [name, value] : named.dict().entries()) {
      if (!name.is_text()) return TypeError("keywords must be strings");
      if (arguments.Named(name.text()) != nullptr)
        return TypeError(absl::StrCat("got multiple values for keyword argument '", name.text(), "'"));
      arguments.named.emplace_back(std::string(name.text()), value);
    }
  }
  return arguments;
}

absl::StatusOr<Value> Evaluator::EvaluateCall(const Expression& expression, const ScopePtr& scope,
                                              const Value* caller) {
  ASSIGN_OR_RETURN(const Value callee, Evaluate(*expression.children[0], scope));
  ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression.call, scope));
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  rendering_.line = expression.line;
  return Call(rendering_, callee, std::move(arguments));
}

absl::StatusOr<Value> Evaluator::EvaluateFilter(const Expression& expression, const ScopePtr& scope,
                                                const Value* subject) {
  Value input;
  const Expression* inner = expression.children[0].get();
  if (inner == nullptr) {
    if (subject != nullptr) input = *subject;
  } else if (subject != nullptr) {
    ASSIGN_OR_RETURN(input, EvaluateFilter(*inner, scope, subject));
  } else {
    ASSIGN_OR_RETURN(input, Evaluate(*inner, scope));
  }
  ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression.call, scope));
  rendering_.line = expression.line;
  return ApplyFilter(rendering_, expression.name, input, std::move(arguments));
}

absl::StatusOr<Value> Evaluator::EvaluateConditional(const Expression& expression, const ScopePtr& scope) {
  ASSIGN_OR_RETURN(const Value test, Evaluate(*expression.children[0], scope));
  if (IsTrue(test)) return Evaluate(*expression.children[1], scope);
  if (expression.children[2] != nullptr) return Evaluate(*expression.children[2], scope);
  return NewUndefined(absl::StrCat("the inline if-expression on line ", expression.line,
                                   " evaluated to false and no else section was defined."));
}

absl::StatusOr<Value> Evaluator::EvaluateCompare(const Expression& expression, const ScopePtr& scope) {
  ASSIGN_OR_RETURN(Value left, Evaluate(*expression.children[0], scope));
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    ASSIGN_OR_RETURN(Value right, Evaluate(*expression.children[i + 1], scope));
    ASSIGN_OR_RETURN(const bool holds, Compare(rendering_, expression.comparisons[i], left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

absl::StatusOr<Value> Evaluator::EvaluateLogic(const Expression& expression, const ScopePtr& scope) {
  ASSIGN_OR_RETURN(Value left, Evaluate(*expression.children[0], scope));
  if (IsTrue(left) == (expression.kind == ExpressionKind::kOr)) return left;
  return Evaluate(*expression.children[1], scope);
}

absl::StatusOr<Value> Evaluator::Concatenate(const Expression& expression, const ScopePtr& scope) {
  std::string text;
  ASSIGN_OR_RETURN(const std::vector<Value> parts, EvaluateAll(expression.children, scope));
  for (const Value& part : parts) RETURN_IF_ERROR(AppendStr(rendering_, part, text));
  return NewText(rendering_, std::move(text));
}

}  // namespace metronome::text::jinja
