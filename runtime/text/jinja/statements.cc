// How Evaluator runs statements.
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/evaluator.h"
#include "runtime/text/jinja/loop.h"
#include "runtime/text/jinja/macro.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/values/namespace.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {

absl::Status Evaluator::Write(absl::string_view text, std::string& output) {
  RETURN_IF_ERROR(rendering_.budget.Output(static_cast<int64_t>(text.size())));
  absl::StrAppend(&output, text);
  return absl::OkStatus();
}

absl::Status Evaluator::Print(const Value& value, std::string& output) {
  if (value.is_text()) return Write(value.text(), output);
  ASSIGN_OR_RETURN(const std::string text, Str(rendering_, value));
  return Write(text, output);
}

absl::StatusOr<Flow> Evaluator::Run(const Body& body, const ScopePtr& scope, std::string& output) {
  const Budget::Level level(rendering_.budget);
  RETURN_IF_ERROR(level.status());
  for (const StatementPtr& statement : body) {
    RETURN_IF_ERROR(rendering_.budget.Step());
    rendering_.line = statement->line;
    ASSIGN_OR_RETURN(const Flow flow, RunStatement(*statement, scope, output));
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

absl::StatusOr<Flow> Evaluator::RunStatement(const Statement& statement, const ScopePtr& scope, std::string& output) {
  switch (statement.kind) {
    case StatementKind::kData:
      RETURN_IF_ERROR(Write(statement.text, output));
      return Flow::kNormal;
    case StatementKind::kOutput: {
      ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.expression, scope));
      RETURN_IF_ERROR(Print(value, output));
      return Flow::kNormal;
    }
    case StatementKind::kIf:
      return RunIf(statement, scope, output);
    case StatementKind::kFor:
      return RunFor(statement, scope, output);
    case StatementKind::kSet:
      RETURN_IF_ERROR(RunSet(statement, scope));
      return Flow::kNormal;
    case StatementKind::kSetBlock:
      return RunSetBlock(statement, scope);
    case StatementKind::kWith:
      return RunWith(statement, scope, output);
    case StatementKind::kScope:
      return Run(statement.body, std::make_shared<Scope>(scope), output);
    case StatementKind::kFilterBlock:
      return RunFilterBlock(statement, scope, output);
    case StatementKind::kMacro: {
      ASSIGN_OR_RETURN(Value macro, NewMacro(statement, scope));
      scope->Set(statement.text, std::move(macro));
      return Flow::kNormal;
    }
    case StatementKind::kCallBlock:
      RETURN_IF_ERROR(RunCallBlock(statement, scope, output));
      return Flow::kNormal;
    case StatementKind::kGeneration:
      RETURN_IF_ERROR(RunGeneration(statement, scope, output));
      return Flow::kNormal;
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    case StatementKind::kUnsupported:
      return absl::UnimplementedError(absl::StrCat("the tag '", statement.text, "'"));
  }
  return absl::InternalError("a statement has no kind");
}

absl::StatusOr<Flow> Evaluator::RunIf(const Statement& statement, const ScopePtr& scope, std::string& output) {
  ASSIGN_OR_RETURN(const Value test, Evaluate(*statement.expression, scope));
  return Run(IsTrue(test) ? statement.body : statement.otherwise, scope, output);
}

absl::StatusOr<std::shared_ptr<Iterator>> Evaluator::FilteredItems(const Statement& statement, const Value& iterable,
                                                                   const ScopePtr& scope) {
  ASSIGN_OR_RETURN(std::shared_ptr<Iterator> items, Iterate(rendering_, iterable));
  if (statement.test == nullptr) return items;
  return IterateWith(iterable.nesting(),
                     [this, &statement, scope, items](Rendering& rendering) -> absl::StatusOr<std::optional<Value>> {
                       while (true) {
                         ASSIGN_OR_RETURN(std::optional<Value> item, Next(rendering, *items));
                         if (!item.has_value()) return item;
                         const auto inner = std::make_shared<Scope>(scope);
                         RETURN_IF_ERROR(Assign(*statement.target, *item, inner));
                         ASSIGN_OR_RETURN(const Value test, Evaluate(*statement.test, inner));
                         if (IsTrue(test)) return item;
                       }
                     });
}

absl::StatusOr<Flow> Evaluator::RunFor(const Statement& statement, const ScopePtr& scope, std::string& output) {
  ASSIGN_OR_RETURN(const Value iterable, Evaluate(*statement.expression, scope));
  return RunLoop(statement, iterable, /*depth=*/0, scope, output);
}

absl::StatusOr<Flow> Evaluator::RunLoop(const Statement& statement, const Value& iterable, int depth,
                                        const ScopePtr& scope, std::string& output) {
  Loop::Recurse recurse;
  if (statement.recursive) {
    recurse = [this, &statement, scope](Rendering& rendering, const Value& items, int deeper) -> absl::StatusOr<Value> {
      std::string text;
      RETURN_IF_ERROR(RunLoop(statement, items, deeper, scope, text).status());
      return NewText(rendering, std::move(text));
    };
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Iterator> items, FilteredItems(statement, iterable, scope));
  const auto loop =
      std::make_shared<Loop>(iterable, std::move(items), statement.test != nullptr, depth, std::move(recurse));
  const auto inner = std::make_shared<Scope>(scope);
  absl::StatusOr<Flow> flow = Flow::kNormal;
  bool any = false;
  while (true) {
    absl::StatusOr<std::optional<Value>> item = loop->Advance(rendering_);
    if (!item.ok()) flow = item.status();
    if (!flow.ok() || !item->has_value()) break;
    any = true;
    inner->Clear();
    inner->Set("loop", Value(std::static_pointer_cast<Object>(loop)));
    if (absl::Status assigned = Assign(*statement.target, **item, inner); !assigned.ok()) {
      flow = assigned;
      break;
    }
    flow = Run(statement.body, inner, output);
    if (!flow.ok() || *flow == Flow::kBreak) break;
  }
  inner->Clear();
  if (!any && flow.ok()) return Run(statement.otherwise, std::make_shared<Scope>(scope), output);
  if (!flow.ok()) return flow.status();
  return Flow::kNormal;
}

absl::StatusOr<Flow> Evaluator::RunWith(const Statement& statement, const ScopePtr& scope, std::string& output) {
  const auto inner = std::make_shared<Scope>(scope);
  for (size_t i = 0; i < statement.targets.size(); ++i) {
    ASSIGN_OR_RETURN(Value value, Evaluate(*statement.values[i], scope));
    RETURN_IF_ERROR(Assign(*statement.targets[i], std::move(value), inner));
  }
  return Run(statement.body, inner, output);
}

absl::StatusOr<Flow> Evaluator::RunFilterBlock(const Statement& statement, const ScopePtr& scope, std::string& output) {
  const auto inner = std::make_shared<Scope>(scope);
  std::string text;
  ASSIGN_OR_RETURN(const Flow flow, Run(statement.body, inner, text));
  if (flow != Flow::kNormal) return flow;  // A loop around is left: what was to be filtered is dropped.
  ASSIGN_OR_RETURN(const Value captured, NewText(rendering_, std::move(text)));
  ASSIGN_OR_RETURN(const Value filtered, EvaluateFilter(*statement.expression, inner, &captured));
  RETURN_IF_ERROR(Print(filtered, output));
  return Flow::kNormal;
}

absl::StatusOr<Flow> Evaluator::RunSetBlock(const Statement& statement, const ScopePtr& scope) {
  const auto inner = std::make_shared<Scope>(scope);
  std::string text;
  ASSIGN_OR_RETURN(const Flow flow, Run(statement.body, inner, text));
  if (flow != Flow::kNormal) return flow;
  ASSIGN_OR_RETURN(Value value, NewText(rendering_, std::move(text)));
  if (statement.expression != nullptr) {
    ASSIGN_OR_RETURN(value, EvaluateFilter(*statement.expression, inner, &value));
  }
  RETURN_IF_ERROR(CheckNamespaces(*statement.target, scope));
  RETURN_IF_ERROR(Assign(*statement.target, std::move(value), scope));
  return Flow::kNormal;
}

absl::Status Evaluator::RunSet(const Statement& statement, const ScopePtr& scope) {
  RETURN_IF_ERROR(CheckNamespaces(*statement.target, scope));
  ASSIGN_OR_RETURN(Value value, Evaluate(*statement.expression, scope));
  return Assign(*statement.target, std::move(value), scope);
}

absl::Status Evaluator::CheckNamespaces(const Expression& target, const ScopePtr& scope) {
  if (target.kind == ExpressionKind::kNamespaceTarget) {
    ASSIGN_OR_RETURN(const Value held, LookUp(target.name, scope));
    if (held.As<Namespace>() == nullptr) return TypeError("cannot assign attribute on non-namespace object");
  }
  for (const ExpressionPtr& child : target.children) RETURN_IF_ERROR(CheckNamespaces(*child, scope));
  return absl::OkStatus();
}

absl::Status Evaluator::Assign(const Expression& target, Value value, const ScopePtr& scope) {
  if (target.kind == ExpressionKind::kName) {
    RETURN_IF_ERROR(rendering_.budget.Allocate(sizeof(Value)));
    scope->Set(target.name, std::move(value));
    return absl::OkStatus();
  }
  if (target.kind == ExpressionKind::kNamespaceTarget) {
    ASSIGN_OR_RETURN(const Value held, LookUp(target.name, scope));
    const auto space = held.As<Namespace>();
    if (space == nullptr) return TypeError("cannot assign attribute on non-namespace object");
    return space->Set(rendering_, target.attribute, std::move(value));
  }
  if (!IsIterable(value)) return TypeError(absl::StrCat("cannot unpack non-iterable ", value.TypeName(), " object"));
  ASSIGN_OR_RETURN(std::vector<Value> items, Collect(rendering_, value));
  const size_t expected = target.children.size();
  if (items.size() > expected) return ValueError(absl::StrCat("too many values to unpack (expected ", expected, ")"));
  if (items.size() < expected) {
    return ValueError(absl::StrCat("not enough values to unpack (expected ", expected, ", got ", items.size(), ")"));
  }
  for (size_t i = 0; i < expected; ++i) RETURN_IF_ERROR(Assign(*target.children[i], std::move(items[i]), scope));
  return absl::OkStatus();
}

absl::StatusOr<Value> Evaluator::NewMacro(const Statement& statement, const ScopePtr& scope) {
  RETURN_IF_ERROR(rendering_.budget.Allocate(512));
  rendering_.captured_scopes.push_back(scope);
  return Value(std::static_pointer_cast<Object>(std::make_shared<Macro>(*this, statement, scope)));
}

absl::Status Evaluator::RunCallBlock(const Statement& statement, const ScopePtr& scope, std::string& output) {
  ASSIGN_OR_RETURN(const Value caller, NewMacro(statement, scope));
  ASSIGN_OR_RETURN(const Value result, EvaluateCall(*statement.expression, scope, &caller));
  return Print(result, output);
}

absl::Status Evaluator::RunGeneration(const Statement& statement, const ScopePtr& scope, std::string& output) {
  // Jinja sees a call block whose macro returns what its caller renders.
  ASSIGN_OR_RETURN(const Value caller, NewMacro(statement, scope));
  ASSIGN_OR_RETURN(const Value result, Call(rendering_, caller, {}));
  return Print(result, output);
}

}  // namespace metronome::text::jinja
