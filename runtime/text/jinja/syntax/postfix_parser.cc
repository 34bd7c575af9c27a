// The part of ExpressionParser for what follows a value: attributes, items, calls, filters and tests.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/syntax/expression_parser.h"

namespace metronome::text::jinja {

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePostfix(ExpressionPtr subject) {
  while (true) {
    if (current().IsOperator(".")) {
      ASSIGN_OR_RETURN(subject, ParseDot(std::move(subject)));
    } else if (current().IsOperator("[")) {
      ASSIGN_OR_RETURN(subject, ParseBrackets(std::move(subject)));
    } else if (current().IsOperator("(")) {
      ASSIGN_OR_RETURN(subject, ParseCall(std::move(subject)));
    } else {
      return subject;
    }
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFiltersAndTests(ExpressionPtr subject) {
  while (true) {
    if (current().IsOperator("|")) {
      ASSIGN_OR_RETURN(subject, ParseFilters(std::move(subject), /*started=*/false));
    } else if (current().IsName("is")) {
      ASSIGN_OR_RETURN(subject, ParseTest(std::move(subject)));
    } else if (current().IsOperator("(")) {
      ASSIGN_OR_RETURN(subject, ParseCall(std::move(subject)));
    } else {
      return subject;
    }
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseDot(ExpressionPtr subject) {
  const int line = current().line;
  Advance();
  ExpressionPtr value = New(ExpressionKind::kAttribute, line);
  RETURN_IF_ERROR(Adopt(*value, std::move(subject)));
  if (current().kind == TokenKind::kInteger) {
    value->kind = ExpressionKind::kItem;
    ExpressionPtr index = New(ExpressionKind::kConstant, line);
    index->constant = Value(current().integer);
    RETURN_IF_ERROR(Adopt(*value, std::move(index)));
    Advance();
    return value;
  }
  if (current().kind != TokenKind::kName) return Error("expected name or number");
  ASSIGN_OR_RETURN(value->name, TakeName());
  return value;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseBrackets(ExpressionPtr subject) {
  ExpressionPtr value = New(ExpressionKind::kItem, current().line);
  Advance();
  RETURN_IF_ERROR(Adopt(*value, std::move(subject)));
  ExpressionPtr key;
  if (!current().IsOperator(":")) {
    if (current().IsOperator("]")) return Error("expected subscript expression");
    ASSIGN_OR_RETURN(key, ParseExpression());
  }
  if (current().IsOperator(":")) {
    value->kind = ExpressionKind::kSlice;
    RETURN_IF_ERROR(Adopt(*value, std::move(key)));
    for (int part = 0; part < 2; ++part) {
      ExpressionPtr bound;
      if (SkipOperator(":") && !current().IsOperator(":") && !current().IsOperator("]")) {
        ASSIGN_OR_RETURN(bound, ParseExpression());
      }
      RETURN_IF_ERROR(Adopt(*value, std::move(bound)));
    }
  } else if (current().IsOperator(",")) {
    ExpressionPtr tuple = New(ExpressionKind::kTuple, value->line);
    RETURN_IF_ERROR(Adopt(*tuple, std::move(key)));
    while (SkipOperator(",")) {
      ASSIGN_OR_RETURN(ExpressionPtr item, ParseExpression());
      RETURN_IF_ERROR(Adopt(*tuple, std::move(item)));
    }
    RETURN_IF_ERROR(Adopt(*value, std::move(tuple)));
  } else {
    RETURN_IF_ERROR(Adopt(*value, std::move(key)));
  }
  RETURN_IF_ERROR(ExpectOperator("]"));
  return value;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseCall(ExpressionPtr subject) {
  ExpressionPtr value = New(ExpressionKind::kCall, current().line);
  RETURN_IF_ERROR(Adopt(*value, std::move(subject)));
  RETURN_IF_ERROR(ParseArguments(*value));
  return value;
}

absl::Status ExpressionParser::ParseArguments(Expression& call) {
  RETURN_IF_ERROR(ExpectOperator("("));
  bool first = true;
  while (!current().IsOperator(")")) {
    if (!first) {
      RETURN_IF_ERROR(ExpectOperator(","));
      if (current().IsOperator(")")) break;
    }
    first = false;
    RETURN_IF_ERROR(ParseArgument(call));
  }
  Advance();
  return absl::OkStatus();
}

absl::Status ExpressionParser::ParseArgument(Expression& call) {
  CallSyntax& arguments = call.call;
  const auto invalid = [&] { return Error("invalid syntax for function call expression"); };
  ExpressionPtr value;
  if (SkipOperator("*")) {
    if (arguments.star != nullptr || arguments.star_star != nullptr) return invalid();
    ASSIGN_OR_RETURN(arguments.star, ParseExpression());
    call.height = std::max(call.height, arguments.star->height + 1);
  } else if (SkipOperator("**")) {
    if (arguments.star_star != nullptr) return invalid();
    ASSIGN_OR_RETURN(arguments.star_star, ParseExpression());
    call.height = std::max(call.height, arguments.star_star->height + 1);
  } else if (current().kind == TokenKind::kName && ahead().IsOperator("=")) {
    if (arguments.star_star != nullptr) return invalid();
    std::string name = current().text;
    Advance();
    Advance();
    ASSIGN_OR_RETURN(value, ParseExpression());
    call.height = std::max(call.height, value->height + 1);
    for (const auto& [other, unused] : arguments.named)
      if (other == name) return Error(absl::StrCat("keyword argument repeated: ", name));
    arguments.named.emplace_back(std::move(name), std::move(value));
  } else {
    if (arguments.star != nullptr || arguments.star_star != nullptr || !arguments.named.empty()) return invalid();
    ASSIGN_OR_RETURN(value, ParseExpression());
    call.height = std::max(call.height, value->height + 1);
    arguments.positional.push_back(std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ExpressionParser::ParseDottedName() {
  ASSIGN_OR_RETURN(std::string name, TakeName());
  while (SkipOperator(".")) {
    ASSIGN_OR_RETURN(const std::string part, TakeName());
    absl::StrAppend(&name, ".", part);
  }
  return name;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFilters(ExpressionPtr subject, bool started) {
  while (started || SkipOperator("|")) {
    started = false;
    ExpressionPtr filter = New(ExpressionKind::kFilter, current().line);
    RETURN_IF_ERROR(Adopt(*filter, std::move(subject)));
    ASSIGN_OR_RETURN(filter->name, ParseDottedName());
    if (current().IsOperator("(")) RETURN_IF_ERROR(ParseArguments(*filter));
    subject = std::move(filter);
  }
  return subject;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTest(ExpressionPtr subject) {
  const int line = current().line;
  Advance();
  const bool negated = SkipName("not");
  ExpressionPtr test = New(ExpressionKind::kTest, line);
  RETURN_IF_ERROR(Adopt(*test, std::move(subject)));
  ASSIGN_OR_RETURN(test->name, ParseDottedName());
  const Token& next = current();
  const bool has_argument = next.kind == TokenKind::kName || next.kind == TokenKind::kText ||
                            next.kind == TokenKind::kInteger || next.kind == TokenKind::kFloat ||
                            next.IsOperator("[") || next.IsOperator("{");
  if (next.IsOperator("(")) {
    RETURN_IF_ERROR(ParseArguments(*test));
  } else if (has_argument && !next.IsName("else") && !next.IsName("or") && !next.IsName("and")) {
    if (next.IsName("is")) return Error("You cannot chain multiple tests with is");
    ASSIGN_OR_RETURN(ExpressionPtr argument, ParsePrimary());
    ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
    test->height = std::max(test->height, argument->height + 1);
    test->call.positional.push_back(std::move(argument));
  }
  if (!negated) return test;
  ExpressionPtr negation = New(ExpressionKind::kNot, line);
  RETURN_IF_ERROR(Adopt(*negation, std::move(test)));
  return negation;
}

}  // namespace metronome::text::jinja
