#ifndef METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_EXPRESSION_PARSER_H_
#define METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_EXPRESSION_PARSER_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/syntax/syntax_tree.h"
#include "runtime/text/jinja/syntax/token.h"

namespace metronome::text::jinja {

// Parses expressions from a stream of tokens, which statements share.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void Advance();
  bool SkipName(absl::string_view name);
  bool SkipOperator(absl::string_view op);
  absl::Status Expect(TokenKind kind, absl::string_view what);
  absl::Status ExpectOperator(absl::string_view op);
  absl::Status ExpectName(absl::string_view name);
  absl::StatusOr<std::string> TakeName();
  absl::Status Error(absl::string_view what) const;
  absl::Status Unexpected() const;

  absl::StatusOr<ExpressionPtr> ParseExpression(bool with_conditional = true);
  // Expressions separated by commas are a tuple. `end_name` is a name that ends it too.
  absl::StatusOr<ExpressionPtr> ParseTuple(bool with_conditional, absl::string_view end_name = "",
                                           bool parenthesised = false);
  // Filters on `subject`, which is null in filter blocks. `started`: the name comes at once, without a bar.
  absl::StatusOr<ExpressionPtr> ParseFilters(ExpressionPtr subject, bool started);
  // Names, tuples of them and, if allowed, attributes of namespaces, to assign to.
  absl::StatusOr<ExpressionPtr> ParseTarget(bool with_namespace, absl::string_view end_name = "");

  // The names that were read since the set was last cleared.
  absl::flat_hash_set<std::string>& names_read() { return names_read_; }
  // `loop` may not be assigned to in a loop.
  int& loops() { return loops_; }

  // Limits the recursion of the parser.
  class Level {
   public:
    explicit Level(ExpressionParser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    absl::Status status() const;

   private:
    ExpressionParser& parser_;
  };

 private:
  using Parse = absl::StatusOr<ExpressionPtr> (ExpressionParser::*)();

  ExpressionPtr New(ExpressionKind kind, int line) const;
  // Adds a child and keeps the height; ResourceExhausted if the tree gets too high.
  static absl::Status Adopt(Expression& parent, ExpressionPtr child);
  absl::StatusOr<ExpressionPtr> Binary(ExpressionKind kind, ExpressionPtr left, Parse right);

  absl::StatusOr<ExpressionPtr> ParseConditional();
  absl::StatusOr<ExpressionPtr> ParseOr();
  absl::StatusOr<ExpressionPtr> ParseAnd();
  absl::StatusOr<ExpressionPtr> ParseNot();
  absl::StatusOr<ExpressionPtr> ParseCompare();
  absl::StatusOr<ExpressionPtr> ParseSum();
  absl::StatusOr<ExpressionPtr> ParseConcatenation();
  absl::StatusOr<ExpressionPtr> ParseProduct();
  absl::StatusOr<ExpressionPtr> ParsePower();
  absl::StatusOr<ExpressionPtr> ParseUnary() { return ParseSigned(/*with_filters=*/true); }
  absl::StatusOr<ExpressionPtr> ParseSigned(bool with_filters);
  absl::StatusOr<ExpressionPtr> ParsePrimary();
  absl::StatusOr<ExpressionPtr> ParseConstantOrName();
  absl::StatusOr<ExpressionPtr> ParseText();
  absl::StatusOr<ExpressionPtr> ParseList();
  absl::StatusOr<ExpressionPtr> ParseDict();
  absl::StatusOr<ExpressionPtr> ParsePostfix(ExpressionPtr subject);
  absl::StatusOr<ExpressionPtr> ParseFiltersAndTests(ExpressionPtr subject);
  absl::StatusOr<ExpressionPtr> ParseDot(ExpressionPtr subject);
  absl::StatusOr<ExpressionPtr> ParseBrackets(ExpressionPtr subject);
  absl::StatusOr<ExpressionPtr> ParseTest(ExpressionPtr subject);
  absl::StatusOr<ExpressionPtr> ParseCall(ExpressionPtr subject);
  absl::Status ParseArguments(Expression& call);
  absl::Status ParseArgument(Expression& call);
  absl::StatusOr<std::string> ParseDottedName();
  absl::StatusOr<ExpressionPtr> ParseSimpleTarget(bool with_namespace);
  bool AtTupleEnd(absl::string_view end_name) const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
  absl::flat_hash_set<std::string> names_read_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_EXPRESSION_PARSER_H_
