#include "runtime/text/jinja/syntax/expression_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text::jinja {
namespace {

constexpr int kMaxDepth = 150;   // Of recursion: brackets in brackets, blocks in blocks.
constexpr int kMaxHeight = 400;  // Of an expression's tree: a + b + c + ... makes it high too.

}  // namespace

absl::Status ExpressionParser::Level::status() const {
  if (parser_.depth_ <= kMaxDepth) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("line ", parser_.current().line,
                                                   ": the template's syntax nests deeper than ", kMaxDepth, " levels"));
}

void ExpressionParser::Advance() { at_ = std::min(at_ + 1, tokens_.size() - 1); }

bool ExpressionParser::SkipName(absl::string_view name) {
  if (!current().IsName(name)) return false;
  Advance();
  return true;
}

bool ExpressionParser::SkipOperator(absl::string_view op) {
  if (!current().IsOperator(op)) return false;
  Advance();
  return true;
}

absl::Status ExpressionParser::Error(absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat("line ", current().line, ": ", what));
}

absl::Status ExpressionParser::Unexpected() const {
  switch (current().kind) {
    case TokenKind::kName:
    case TokenKind::kText:
    case TokenKind::kOperator:
      return Error(absl::StrCat("unexpected '", current().text, "'"));
    case TokenKind::kBlockEnd:
      return Error("unexpected end of statement block");
    case TokenKind::kVariableEnd:
      return Error("unexpected end of print statement");
    case TokenKind::kEnd:
      return Error("unexpected end of template");
    default:
      return Error("unexpected token");
  }
}

absl::Status ExpressionParser::Expect(TokenKind kind, absl::string_view what) {
  if (current().kind != kind)
    return Error(
        absl::StrCat(Unexpected().message().substr(Unexpected().message().find(": ") + 2), ", expected ", what));
  Advance();
  return absl::OkStatus();
}

absl::Status ExpressionParser::ExpectOperator(absl::string_view op) {
  if (!SkipOperator(op)) return Expect(TokenKind::kData, absl::StrCat("'", op, "'"));
  return absl::OkStatus();
}

absl::Status ExpressionParser::ExpectName(absl::string_view name) {
  if (!SkipName(name)) return Expect(TokenKind::kData, absl::StrCat("'", name, "'"));
  return absl::OkStatus();
}

absl::StatusOr<std::string> ExpressionParser::TakeName() {
  std::string name = current().text;
  RETURN_IF_ERROR(Expect(TokenKind::kName, "a name"));
  return name;
}

ExpressionPtr ExpressionParser::New(ExpressionKind kind, int line) const {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->line = line;
  return expression;
}

absl::Status ExpressionParser::Adopt(Expression& parent, ExpressionPtr child) {
  if (child != nullptr) parent.height = std::max(parent.height, child->height + 1);
  if (parent.height > kMaxHeight) {
    return absl::ResourceExhaustedError(
        absl::StrCat("line ", parent.line, ": an expression of more than ", kMaxHeight, " levels"));
  }
  parent.children.push_back(std::move(child));
  return absl::OkStatus();
}

absl::StatusOr<ExpressionPtr> ExpressionParser::Binary(ExpressionKind kind, ExpressionPtr left, Parse right) {
  ExpressionPtr expression = New(kind, left->line);
  RETURN_IF_ERROR(Adopt(*expression, std::move(left)));
  ASSIGN_OR_RETURN(ExpressionPtr operand, (this->*right)());
  RETURN_IF_ERROR(Adopt(*expression, std::move(operand)));
  return expression;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseExpression(bool with_conditional) {
  const Level level(*this);
  RETURN_IF_ERROR(level.status());
  return with_conditional ? ParseConditional() : ParseOr();
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseConditional() {
  const Level level(*this);
  RETURN_IF_ERROR(level.status());
  ASSIGN_OR_RETURN(ExpressionPtr value, ParseOr());
  while (SkipName("if")) {
    ExpressionPtr conditional = New(ExpressionKind::kConditional, value->line);
    ASSIGN_OR_RETURN(ExpressionPtr test, ParseOr());
    ExpressionPtr otherwise;
    if (SkipName("else")) {
      ASSIGN_OR_RETURN(otherwise, ParseConditional());
    }
    RETURN_IF_ERROR(Adopt(*conditional, std::move(test)));
    RETURN_IF_ERROR(Adopt(*conditional, std::move(value)));
    RETURN_IF_ERROR(Adopt(*conditional, std::move(otherwise)));
    value = std::move(conditional);
  }
  return value;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseOr() {
  ASSIGN_OR_RETURN(ExpressionPtr left, ParseAnd());
  while (SkipName("or")) {
    ASSIGN_OR_RETURN(left, Binary(ExpressionKind::kOr, std::move(left), &ExpressionParser::ParseAnd));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseAnd() {
  ASSIGN_OR_RETURN(ExpressionPtr left, ParseNot());
  while (SkipName("and")) {
    ASSIGN_OR_RETURN(left, Binary(ExpressionKind::kAnd, std::move(left), &ExpressionParser::ParseNot));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseNot() {
  const Level level(*this);
  RETURN_IF_ERROR(level.status());
  const int line = current().line;
  if (!SkipName("not")) return ParseCompare();
  ExpressionPtr negation = New(ExpressionKind::kNot, line);
  ASSIGN_OR_RETURN(ExpressionPtr operand, ParseNot());
  RETURN_IF_ERROR(Adopt(*negation, std::move(operand)));
  return negation;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseCompare() {
  static constexpr std::pair<absl::string_view, Comparison> kComparisons[] = {
      {"==", Comparison::kEqual},       {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessOrEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterOrEqual}};
  ASSIGN_OR_RETURN(ExpressionPtr first, ParseSum());
  ExpressionPtr compare;
  while (true) {
    std::optional<Comparison> comparison;
    for (const auto& [op, meaning] : kComparisons) {
      if (current().IsOperator(op)) comparison = meaning;
    }
    if (comparison.has_value() || current().IsName("in")) {
      Advance();
    } else if (current().IsName("not") && ahead().IsName("in")) {
      comparison = Comparison::kNotIn;
      Advance();
      Advance();
    } else {
      break;
    }
    if (compare == nullptr) {
      compare = New(ExpressionKind::kCompare, first->line);
      RETURN_IF_ERROR(Adopt(*compare, std::move(first)));
    }
    compare->comparisons.push_back(comparison.value_or(Comparison::kIn));
    ASSIGN_OR_RETURN(ExpressionPtr operand, ParseSum());
    RETURN_IF_ERROR(Adopt(*compare, std::move(operand)));
  }
  return compare == nullptr ? std::move(first) : std::move(compare);
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseSum() {
  ASSIGN_OR_RETURN(ExpressionPtr left, ParseConcatenation());
  while (current().IsOperator("+") || current().IsOperator("-")) {
    const BinaryOperator op = current().text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
    Advance();
    ASSIGN_OR_RETURN(left, Binary(ExpressionKind::kCalculate, std::move(left), &ExpressionParser::ParseConcatenation));
    left->binary = op;
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseConcatenation() {
  ASSIGN_OR_RETURN(ExpressionPtr first, ParseProduct());
  if (!current().IsOperator("~")) return first;
  ExpressionPtr concatenation = New(ExpressionKind::kConcatenate, first->line);
  RETURN_IF_ERROR(Adopt(*concatenation, std::move(first)));
  while (SkipOperator("~")) {
    ASSIGN_OR_RETURN(ExpressionPtr operand, ParseProduct());
    RETURN_IF_ERROR(Adopt(*concatenation, std::move(operand)));
  }
  return concatenation;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseProduct() {
  static constexpr std::pair<absl::string_view, BinaryOperator> kOperators[] = {{"*", BinaryOperator::kMultiply},
                                                                                {"/", BinaryOperator::kDivide},
                                                                                {"//", BinaryOperator::kFloorDivide},
                                                                                {"%", BinaryOperator::kModulo}};
  ASSIGN_OR_RETURN(ExpressionPtr left, ParsePower());
  while (true) {
    const auto* op = std::find_if(std::begin(kOperators), std::end(kOperators),
                                  [&](const auto& entry) { return current().IsOperator(entry.first); });
    if (op == std::end(kOperators)) return left;
    Advance();
    ASSIGN_OR_RETURN(left, Binary(ExpressionKind::kCalculate, std::move(left), &ExpressionParser::ParsePower));
    left->binary = op->second;
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePower() {
  ASSIGN_OR_RETURN(ExpressionPtr left, ParseUnary());
  while (SkipOperator("**")) {
    ASSIGN_OR_RETURN(left, Binary(ExpressionKind::kCalculate, std::move(left), &ExpressionParser::ParseUnary));
    left->binary = BinaryOperator::kPower;
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseSigned(bool with_filters) {
  const Level level(*this);
  RETURN_IF_ERROR(level.status());
  ExpressionPtr value;
  if (current().IsOperator("-") || current().IsOperator("+")) {
    value = New(current().text == "-" ? ExpressionKind::kNegate : ExpressionKind::kPlus, current().line);
    Advance();
    ASSIGN_OR_RETURN(ExpressionPtr operand, ParseSigned(/*with_filters=*/false));
    RETURN_IF_ERROR(Adopt(*value, std::move(operand)));
  } else {
    ASSIGN_OR_RETURN(value, ParsePrimary());
  }
  ASSIGN_OR_RETURN(value, ParsePostfix(std::move(value)));
  if (!with_filters) return value;
  return ParseFiltersAndTests(std::move(value));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePrimary() {
  const Token& token = current();
  const int line = token.line;
  ExpressionPtr value;
  switch (token.kind) {
    case TokenKind::kName:
      return ParseConstantOrName();
    case TokenKind::kText:
      return ParseText();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      value = New(ExpressionKind::kConstant, line);
      value->constant = token.kind == TokenKind::kInteger ? Value(token.integer) : Value(token.number);
      Advance();
      return value;
    default:
      break;
  }
  if (SkipOperator("(")) {
    ASSIGN_OR_RETURN(value, ParseTuple(/*with_conditional=*/true, "", /*parenthesised=*/true));
    RETURN_IF_ERROR(ExpectOperator(")"));
    return value;
  }
  if (token.IsOperator("[")) return ParseList();
  if (token.IsOperator("{")) return ParseDict();
  return Unexpected();
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseConstantOrName() {
  const Token& token = current();
  const std::string& text = token.text;
  ExpressionPtr value = New(ExpressionKind::kConstant, token.line);
  if (text == "true" || text == "True" || text == "false" || text == "False") {
    value->constant = Value(text == "true" || text == "True");
  } else if (text != "none" && text != "None") {
    value->kind = ExpressionKind::kName;
    value->name = text;
    names_read_.insert(text);
  }
  Advance();
  return value;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseText() {
  ExpressionPtr value = New(ExpressionKind::kConstant, current().line);
  std::string text;
  for (; current().kind == TokenKind::kText; Advance()) text += current().text;
  value->constant = Value::Text(std::move(text));
  return value;
}

bool ExpressionParser::AtTupleEnd(absl::string_view end_name) const {
  if (current().kind == TokenKind::kVariableEnd || current().kind == TokenKind::kBlockEnd) return true;
  return current().IsOperator(")") || (!end_name.empty() && current().IsName(end_name));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTuple(bool with_conditional, absl::string_view end_name,
                                                           bool parenthesised) {
  const Level level(*this);
  RETURN_IF_ERROR(level.status());
  ExpressionPtr tuple = New(ExpressionKind::kTuple, current().line);
  bool is_tuple = false;
  while (!AtTupleEnd(end_name)) {
    ASSIGN_OR_RETURN(ExpressionPtr item, ParseExpression(with_conditional));
    RETURN_IF_ERROR(Adopt(*tuple, std::move(item)));
    if (!SkipOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !tuple->children.empty()) return std::move(tuple->children[0]);
  if (!is_tuple && !parenthesised) return Error("Expected an expression");
  return tuple;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseList() {
  ExpressionPtr list = New(ExpressionKind::kList, current().line);
  Advance();
  while (!current().IsOperator("]")) {
    if (!list->children.empty()) {
      RETURN_IF_ERROR(ExpectOperator(","));
      if (current().IsOperator("]")) break;
    }
    ASSIGN_OR_RETURN(ExpressionPtr item, ParseExpression());
    RETURN_IF_ERROR(Adopt(*list, std::move(item)));
  }
  Advance();
  return list;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseDict() {
  ExpressionPtr dict = New(ExpressionKind::kDict, current().line);
  Advance();
  while (!current().IsOperator("}")) {
    if (!dict->children.empty()) {
      RETURN_IF_ERROR(ExpectOperator(","));
      if (current().IsOperator("}")) break;
    }
    ASSIGN_OR_RETURN(ExpressionPtr key, ParseExpression());
    RETURN_IF_ERROR(Adopt(*dict, std::move(key)));
    RETURN_IF_ERROR(ExpectOperator(":"));
    ASSIGN_OR_RETURN(ExpressionPtr value, ParseExpression());
    RETURN_IF_ERROR(Adopt(*dict, std::move(value)));
  }
  Advance();
  return dict;
}

}  // namespace metronome::text::jinja
