#include "runtime/text/jinja/syntax/name_check.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/filters.h"
#include "runtime/text/jinja/library/value_tests.h"

namespace metronome::text::jinja {
namespace {

absl::Status Check(const Body& body, bool conditional);

absl::Status Check(const Expression* expression, bool conditional) {
  if (expression == nullptr) return absl::OkStatus();
  if (expression->kind == ExpressionKind::kConditional) conditional = true;
  const bool is_filter = expression->kind == ExpressionKind::kFilter;
  const bool is_test = expression->kind == ExpressionKind::kTest;
  if (!conditional && ((is_filter && !IsFilter(expression->name)) || (is_test && !IsTest(expression->name)))) {
    return absl::InvalidArgumentError(absl::StrCat("line ", expression->line, ": No ", is_filter ? "filter" : "test",
                                                   " named '", expression->name, "'."));
  }
  for (const ExpressionPtr& child : expression->children) RETURN_IF_ERROR(Check(child.get(), conditional));
  for (const ExpressionPtr& value : expression->call.positional) RETURN_IF_ERROR(Check(value.get(), conditional));
  for (const auto& [name, value] : expression->call.named) RETURN_IF_ERROR(Check(value.get(), conditional));
  RETURN_IF_ERROR(Check(expression->call.star.get(), conditional));
  return Check(expression->call.star_star.get(), conditional);
}

absl::Status Check(const Statement& statement, bool conditional) {
  const bool is_if = statement.kind == StatementKind::kIf;
  const bool own_scope = statement.kind == StatementKind::kFilterBlock || statement.kind == StatementKind::kSetBlock;
  RETURN_IF_ERROR(Check(statement.expression.get(), (conditional || is_if) && !own_scope));
  RETURN_IF_ERROR(Check(statement.test.get(), /*conditional=*/false));
  for (const ExpressionPtr& value : statement.values) RETURN_IF_ERROR(Check(value.get(), conditional));
  for (const ExpressionPtr& value : statement.signature.defaults)
    RETURN_IF_ERROR(Check(value.get(), /*conditional=*/false));
  RETURN_IF_ERROR(Check(statement.body, is_if));
  return Check(statement.otherwise, is_if);
}

absl::Status Check(const Body& body, bool conditional) {
  for (const StatementPtr& statement : body) RETURN_IF_ERROR(Check(*statement, conditional));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNames(const Body& body) { return Check(body, /*conditional=*/false); }

}  // namespace metronome::text::jinja
