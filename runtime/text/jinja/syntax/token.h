#ifndef METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_TOKEN_H_
#define METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_TOKEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::text::jinja {

enum class TokenKind {
  kData,           // Text between tags.
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kName,
  kText,
  kInteger,
  kFloat,
  kOperator,  // Its characters are the token's text.
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // Of data, names, text (unescaped) and operators.
  int64_t integer = 0;
  double number = 0;
  int line = 1;

  bool IsName(absl::string_view name) const { return kind == TokenKind::kName && text == name; }
  bool IsOperator(absl::string_view op) const { return kind == TokenKind::kOperator && text == op; }
};

// Cuts a template into tokens as Jinja does with trim_blocks and lstrip_blocks: comments are gone, white space around
// tags is stripped as their signs say, line ends are \n, and one at the end of the template is dropped. The last token
// is kEnd.
//
// InvalidArgument with the line of what is not a token. Unimplemented for names of characters (\N{...}) and integers
// beyond 64 bits.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_SYNTAX_TOKEN_H_
