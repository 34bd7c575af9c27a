#include "runtime/text/jinja/syntax/parser.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/syntax/expression_parser.h"
#include "runtime/text/jinja/syntax/name_check.h"

namespace metronome::text::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : in_(std::move(tokens)) {}

  absl::StatusOr<Body> Run() {
    Body body;
    RETURN_IF_ERROR(ParseInto(body, {}));
    return body;
  }

 private:
  using Ends = std::initializer_list<absl::string_view>;
  using Parse = absl::Status (Parser::*)(Statement&);

  StatementPtr New(StatementKind kind) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = in_.current().line;
    return statement;
  }

  // Statements up to a tag whose name is one of `ends`, where it stops behind the tag's begin. Without ends, up to the
  // end of the template.
  absl::Status ParseInto(Body& body, Ends ends) {
    const ExpressionParser::Level level(in_);
    RETURN_IF_ERROR(level.status());
    while (in_.current().kind != TokenKind::kEnd) {
      const Token& token = in_.current();
      if (token.kind == TokenKind::kData) {
        body.push_back(New(StatementKind::kData));
        body.back()->text = token.text;
        in_.Advance();
      } else if (token.kind == TokenKind::kVariableBegin) {
        body.push_back(New(StatementKind::kOutput));
        in_.Advance();
        ASSIGN_OR_RETURN(body.back()->expression, in_.ParseTuple(/*with_conditional=*/true));
        RETURN_IF_ERROR(in_.Expect(TokenKind::kVariableEnd, "end of print statement"));
      } else {
        in_.Advance();  // A tag begins: nothing else follows data and variables.
        const Token& name = in_.current();
        if (std::any_of(ends.begin(), ends.end(), [&](absl::string_view end) { return name.IsName(end); }))
          return absl::OkStatus();
        RETURN_IF_ERROR(ParseTag(body));
        RETURN_IF_ERROR(in_.Expect(TokenKind::kBlockEnd, "end of statement block"));
      }
    }
    if (ends.size() == 0) return absl::OkStatus();
    return in_.Error(absl::StrCat("Unexpected end of template. Jinja was looking for the tag '", *ends.begin(), "'"));
  }

  // The rest of a tag and the statements after it, up to an end tag, whose name is taken and returned.
  absl::StatusOr<std::string> ParseBody(Body& body, Ends ends) {
    in_.SkipOperator(":");
    RETURN_IF_ERROR(in_.Expect(TokenKind::kBlockEnd, "end of statement block"));
    RETURN_IF_ERROR(ParseInto(body, ends));
    return in_.TakeName();
  }

  absl::Status ParseTag(Body& body) {
    static const auto* const parsers = new absl::flat_hash_map<absl::string_view, std::pair<StatementKind, Parse>>{
        {"if", {StatementKind::kIf, &Parser::ParseIf}},
        {"for", {StatementKind::kFor, &Parser::ParseFor}},
        {"set", {StatementKind::kSet, &Parser::ParseSet}},
        {"with", {StatementKind::kWith, &Parser::ParseWith}},
        {"autoescape", {StatementKind::kScope, &Parser::ParseAutoescape}},
        {"filter", {StatementKind::kFilterBlock, &Parser::ParseFilterBlock}},
        {"macro", {StatementKind::kMacro, &Parser::ParseMacro}},
        {"call", {StatementKind::kCallBlock, &Parser::ParseCallBlock}},
        {"generation", {StatementKind::kGeneration, &Parser::ParseGeneration}},
        {"break", {StatementKind::kBreak, &Parser::ParseLoopControl}},
        {"continue", {StatementKind::kContinue, &Parser::ParseLoopControl}},
        {"block", {StatementKind::kUnsupported, &Parser::ParseBlock}},
        {"extends", {StatementKind::kUnsupported, &Parser::ParseOtherTemplate}},
        {"include", {StatementKind::kUnsupported, &Parser::ParseOtherTemplate}},
        {"import", {StatementKind::kUnsupported, &Parser::ParseOtherTemplate}},
        {"from", {StatementKind::kUnsupported, &Parser::ParseOtherTemplate}},
    };
    if (in_.current().kind != TokenKind::kName) return in_.Error("tag name expected");
    if (in_.current().IsName("print")) return ParsePrint(body);
    const auto found = parsers->find(in_.current().text);
    if (found == parsers->end()) return in_.Error(absl::StrCat("Encountered unknown tag '", in_.current().text, "'."));
    StatementPtr statement = New(found->second.first);
    statement->text = in_.current().text;
    in_.Advance();
    RETURN_IF_ERROR((this->*found->second.second)(*statement));
    body.push_back(std::move(statement));
    return absl::OkStatus();
  }

  absl::Status ParsePrint(Body& body) {
    in_.Advance();
    for (bool first = true; in_.current().kind != TokenKind::kBlockEnd; first = false) {
      if (!first) RETURN_IF_ERROR(in_.ExpectOperator(","));
      body.push_back(New(StatementKind::kOutput));
      ASSIGN_OR_RETURN(body.back()->expression, in_.ParseExpression());
    }
    return absl::OkStatus();
  }

  absl::Status ParseIf(Statement& statement) {
    // An elif is an if within the else, so a long chain must not recurse.
    Statement* branch = &statement;
    while (true) {
      ASSIGN_OR_RETURN(branch->expression, in_.ParseTuple(/*with_conditional=*/false));
      ASSIGN_OR_RETURN(const std::string end, ParseBody(branch->body, {"endif", "elif", "else"}));
      if (end == "endif") return absl::OkStatus();
      if (end == "else") return ParseBody(branch->otherwise, {"endif"}).status();
      branch->otherwise.push_back(New(StatementKind::kIf));
      branch = branch->otherwise.back().get();
      if (++elifs_ > kMaxElifs) return absl::ResourceExhaustedError("the template has too many branches");
    }
  }

  absl::Status ParseFor(Statement& statement) {
    ++in_.loops();
    ASSIGN_OR_RETURN(statement.target, in_.ParseTarget(/*with_namespace=*/false, "in"));
    RETURN_IF_ERROR(in_.ExpectName("in"));
    ASSIGN_OR_RETURN(statement.expression, in_.ParseTuple(/*with_conditional=*/false, "recursive"));
    if (in_.SkipName("if")) {
      ASSIGN_OR_RETURN(statement.test, in_.ParseExpression());
    }
    statement.recursive = in_.SkipName("recursive");
    const int outer = std::exchange(breakable_, breakable_ + 1);
    ASSIGN_OR_RETURN(const std::string end, ParseBody(statement.body, {"endfor", "else"}));
    breakable_ = statement.recursive ? 0 : outer;
    if (end == "else") RETURN_IF_ERROR(ParseBody(statement.otherwise, {"endfor"}).status());
    breakable_ = outer;
    --in_.loops();
    return absl::OkStatus();
  }

  absl::Status ParseSet(Statement& statement) {
    ASSIGN_OR_RETURN(statement.target, in_.ParseTarget(/*with_namespace=*/true));
    if (in_.SkipOperator("=")) {
      ASSIGN_OR_RETURN(statement.expression, in_.ParseTuple(/*with_conditional=*/true));
      return absl::OkStatus();
    }
    statement.kind = StatementKind::kSetBlock;
    ASSIGN_OR_RETURN(statement.expression, in_.ParseFilters(nullptr, /*started=*/false));
    return ParseBody(statement.body, {"endset"}).status();
  }

  absl::Status ParseWith(Statement& statement) {
    while (in_.current().kind != TokenKind::kBlockEnd) {
      if (!statement.targets.empty()) RETURN_IF_ERROR(in_.ExpectOperator(","));
      ASSIGN_OR_RETURN(statement.targets.emplace_back(), in_.ParseTarget(/*with_namespace=*/false));
      RETURN_IF_ERROR(in_.ExpectOperator("="));
      ASSIGN_OR_RETURN(statement.values.emplace_back(), in_.ParseExpression());
    }
    return ParseBody(statement.body, {"endwith"}).status();
  }

  absl::Status ParseAutoescape(Statement& statement) {
    ASSIGN_OR_RETURN(statement.expression, in_.ParseExpression());
    const Expression& on = *statement.expression;
    const bool off = on.kind == ExpressionKind::kConstant && !IsTrue(on.constant);
    if (!off) statement.kind = StatementKind::kUnsupported;
    return ParseBody(statement.body, {"endautoescape"}).status();
  }

  absl::Status ParseFilterBlock(Statement& statement) {
    ASSIGN_OR_RETURN(statement.expression, in_.ParseFilters(nullptr, /*started=*/true));
    return ParseBody(statement.body, {"endfilter"}).status();
  }

  absl::Status ParseSignature(Signature& signature) {
    RETURN_IF_ERROR(in_.ExpectOperator("("));
    while (!in_.current().IsOperator(")")) {
      if (!signature.names.empty()) RETURN_IF_ERROR(in_.ExpectOperator(","));
      ASSIGN_OR_RETURN(const std::string name, in_.TakeName());
      for (const std::string& other : signature.names)
        if (other == name) return in_.Error(absl::StrCat("duplicate argument '", name, "'"));
      if (in_.SkipOperator("=")) {
        ASSIGN_OR_RETURN(signature.defaults.emplace_back(), in_.ParseExpression());
      } else if (!signature.defaults.empty()) {
        return in_.Error("non-default argument follows default argument");
      }
      signature.names.push_back(name);
    }
    in_.Advance();
    return absl::OkStatus();
  }

  // The body of a macro: a function of its own, which loops around it do not reach.
  absl::Status ParseFunctionBody(Statement& statement, absl::string_view end) {
    const int breakable = std::exchange(breakable_, 0);
    auto outer_names = std::exchange(in_.names_read(), {});
    RETURN_IF_ERROR(ParseBody(statement.body, {end}).status());
    Signature& signature = statement.signature;
    signature.uses_caller = in_.names_read().contains("caller");
    signature.uses_kwargs = in_.names_read().contains("kwargs");
    signature.uses_varargs = in_.names_read().contains("varargs");
    in_.names_read().insert(outer_names.begin(), outer_names.end());
    breakable_ = breakable;
    const auto caller = std::find(signature.names.begin(), signature.names.end(), "caller");
    const auto first_default = signature.names.end() - static_cast<int64_t>(signature.defaults.size());
    if (signature.uses_caller && caller < first_default) {
      return in_.Error(
          "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.");
    }
    return absl::OkStatus();
  }

  absl::Status ParseMacro(Statement& statement) {
    ASSIGN_OR_RETURN(statement.text, in_.TakeName());
    RETURN_IF_ERROR(ParseSignature(statement.signature));
    return ParseFunctionBody(statement, "endmacro");
  }

  absl::Status ParseCallBlock(Statement& statement) {
    if (in_.current().IsOperator("(")) RETURN_IF_ERROR(ParseSignature(statement.signature));
    ASSIGN_OR_RETURN(statement.expression, in_.ParseExpression());
    if (statement.expression->kind != ExpressionKind::kCall) return in_.Error("expected call");
    return ParseFunctionBody(statement, "endcall");
  }

  absl::Status ParseGeneration(Statement& statement) { return ParseFunctionBody(statement, "endgeneration"); }

  absl::Status ParseLoopControl(Statement& statement) {
    if (breakable_ == 0) return in_.Error(absl::StrCat("'", statement.text, "' outside loop"));
    return absl::OkStatus();
  }

  absl::Status ParseBlock(Statement& statement) {
    RETURN_IF_ERROR(in_.TakeName().status());
    in_.SkipName("scoped");
    in_.SkipName("required");
    const int breakable = std::exchange(breakable_, 0);
    RETURN_IF_ERROR(ParseBody(statement.body, {"endblock"}).status());
    breakable_ = breakable;
    if (in_.current().kind == TokenKind::kName) in_.Advance();
    return absl::OkStatus();
  }

  // Whatever it says: there are no other templates.
  absl::Status ParseOtherTemplate(Statement&) {
    while (in_.current().kind != TokenKind::kBlockEnd && in_.current().kind != TokenKind::kEnd) in_.Advance();
    return absl::OkStatus();
  }

  static constexpr int kMaxElifs = 200;

  ExpressionParser in_;
  int breakable_ = 0;  // Loops around, within the same function.
  int elifs_ = 0;
};

}  // namespace

absl::StatusOr<Body> ParseTemplate(absl::string_view source) {
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  ASSIGN_OR_RETURN(Body body, Parser(std::move(tokens)).Run());
  RETURN_IF_ERROR(CheckNames(body));
  return body;
}

}  // namespace metronome::text::jinja
