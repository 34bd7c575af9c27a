// The part of ExpressionParser for what is assigned to.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/syntax/expression_parser.h"

namespace metronome::text::jinja {

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseSimpleTarget(bool with_namespace) {
  const Token name = current();
  if (name.kind != TokenKind::kName) return Error("can't assign to this");
  Advance();
  for (const char* constant : {"true", "false", "none", "True", "False", "None"})
    if (name.text == constant) return Error(absl::StrCat("can't assign to '", name.text, "'"));
  ExpressionPtr target = New(ExpressionKind::kName, name.line);
  target->name = name.text;
  if (with_namespace && SkipOperator(".")) {
    target->kind = ExpressionKind::kNamespaceTarget;
    ASSIGN_OR_RETURN(target->attribute, TakeName());
    names_read_.insert(name.text);
  } else if (loops_ > 0 && name.text == "loop") {
    return Error("Can't assign to special loop variable in for-loop target");
  }
  return target;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTarget(bool with_namespace, absl::string_view end_name) {
  const Level level(*this);
  RETURN_IF_ERROR(level.status());
  ExpressionPtr tuple = New(ExpressionKind::kTuple, current().line);
  bool is_tuple = false;
  while (!AtTupleEnd(end_name)) {
    ExpressionPtr item;
    if (SkipOperator("(")) {
      ASSIGN_OR_RETURN(item, ParseTarget(/*with_namespace=*/false));
      RETURN_IF_ERROR(ExpectOperator(")"));
    } else {
      ASSIGN_OR_RETURN(item, ParseSimpleTarget(with_namespace));
    }
    RETURN_IF_ERROR(Adopt(*tuple, std::move(item)));
    if (!SkipOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !tuple->children.empty()) return std::move(tuple->children[0]);
  if (!is_tuple) return Error("Expected an expression");
  return tuple;
}

}  // namespace metronome::text::jinja
