#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/syntax/text_literal.h"
#include "runtime/text/jinja/syntax/token.h"
#include "runtime/text/jinja/text/unicode.h"

namespace metronome::text::jinja {
namespace {

constexpr auto npos = absl::string_view::npos;

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

std::string NormalNewlines(absl::string_view source) {
  return absl::StrReplaceAll(absl::StrReplaceAll(source, {{"\r\n", "\n"}}), {{"\r", "\n"}});
}

size_t SpaceSize(absl::string_view text) { return text.size() - StripSpace(text, true, false).size(); }

class Lexer {
 public:
  explicit Lexer(absl::string_view source) : source_(source) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (at_ < source_.size()) RETURN_IF_ERROR(Root());
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  absl::string_view rest() const { return source_.substr(at_); }

  void Add(TokenKind kind, absl::string_view text) {
    Token& token = tokens_.emplace_back();
    token.kind = kind;
    token.text = std::string(text);
    token.line = line_;
  }

  // Moves on, past `size` bytes.
  void Take(size_t size) {
    const absl::string_view taken = source_.substr(at_, size);
    line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
    if (size > 0) line_starting_ = taken.back() == '\n';
    at_ += size;
  }

  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("line ", line_, ": ", what));
  }

  // Text up to the next tag, and the tag.
  absl::Status Root() {
    size_t tag = 0;
    do {
      tag = source_.find('{', std::max(tag, at_));
      if (tag == npos || tag + 1 >= source_.size()) {
        AddData(source_.size(), "+", false);
        return absl::OkStatus();
      }
      ++tag;
    } while (source_[tag] != '%' && source_[tag] != '{' && source_[tag] != '#');
    --tag;
    const char kind = source_[tag + 1];
    const bool signed_tag = tag + 2 < source_.size() && (source_[tag + 2] == '-' || source_[tag + 2] == '+');
    const absl::string_view sign = source_.substr(tag + 2, signed_tag ? 1 : 0);
    AddData(tag, sign, /*strips_line=*/kind != '{');
    if (kind == '%') {
      if (const size_t raw = RawBeginSize(); raw > 0) {
        Take(raw);
        return Raw();
      }
    }
    if (kind == '#') {
      Take(2 + sign.size());
      return Comment();
    }
    Add(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "");
    Take(2 + sign.size());
    return Tag(kind == '%');
  }

  // The text up to `end`, where a tag with this sign begins; it moves there. `strips_line`: white space between the
  // line's start and the tag goes.
  void AddData(size_t end, absl::string_view sign, bool strips_line) {
    absl::string_view data = source_.substr(at_, end - at_);
    if (sign == "-") {
      data = StripSpace(data, false, true);
    } else if (sign != "+" && strips_line) {
      const size_t line_end = data.rfind('\n');
      const size_t start = line_end == npos ? 0 : line_end + 1;
      const absl::string_view last = data.substr(start);
      if ((start > 0 || line_starting_) && StripSpace(last, true, false).empty()) data = data.substr(0, start);
    }
    if (!data.empty()) Add(TokenKind::kData, data);
    Take(end - at_);
  }

  // The bytes of `{% raw %}` here; 0 if it is another tag.
  size_t RawBeginSize() const { return KeywordTagSize("raw", /*trims_line=*/false); }

  // The bytes of a tag that has only this word, with what its signs strip after it; 0 if there is none here.
  size_t KeywordTagSize(absl::string_view word, bool trims_line) const {
    absl::string_view text = rest();
    if (!absl::ConsumePrefix(&text, "{%")) return 0;
    if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
    text.remove_prefix(SpaceSize(text));
    if (!absl::ConsumePrefix(&text, word)) return 0;
    text.remove_prefix(SpaceSize(text));
    if (absl::ConsumePrefix(&text, "-%}")) {
      text.remove_prefix(SpaceSize(text));
    } else if (absl::ConsumePrefix(&text, "%}")) {
      if (trims_line) absl::ConsumePrefix(&text, "\n");
    } else if (!trims_line || !absl::ConsumePrefix(&text, "+%}")) {
      return 0;
    }
    return rest().size() - text.size();
  }

  absl::Status Raw() {
    for (size_t tag = source_.find("{%", at_); tag != npos; tag = source_.find("{%", tag + 1)) {
      const size_t here = at_;
      at_ = tag;
      const size_t size = KeywordTagSize("endraw", /*trims_line=*/true);
      at_ = here;
      if (size == 0) continue;
      const char sign = source_[tag + 2];
      AddData(tag, sign == '-' || sign == '+' ? source_.substr(tag + 2, 1) : "", /*strips_line=*/true);
      Take(size);
      return absl::OkStatus();
    }
    if (at_ == source_.size()) return absl::OkStatus();  // Jinja misses the end only if something follows.
    return Error("Missing end of raw directive");
  }

  absl::Status Comment() {
    const size_t end = source_.find("#}", at_);
    if (end == npos) return at_ == source_.size() ? absl::OkStatus() : Error("Missing end of comment tag");
    const char sign = end > at_ ? source_[end - 1] : 0;
    Take(end + 2 - at_);
    if (sign == '-') {
      Take(SpaceSize(rest()));
    } else if (sign != '+' && absl::StartsWith(rest(), "\n")) {
      Take(1);
    }
    return absl::OkStatus();
  }

  // The tokens of a tag, its end included.
  absl::Status Tag(bool is_block) {
    std::string open;  // The brackets to be closed.
    while (at_ < source_.size()) {
      if (open.empty() && TakeTagEnd(is_block)) return absl::OkStatus();
      if (const size_t space = SpaceSize(rest()); space > 0) {
        Take(space);
        continue;
      }
      const char c = rest()[0];
      if (IsAsciiDigit(c)) {
        RETURN_IF_ERROR(Number());
      } else if (c == '\'' || c == '"') {
        RETURN_IF_ERROR(Text(c));
      } else if (const size_t name = NameSize(); name > 0) {
        RETURN_IF_ERROR(Name(name));
      } else {
        RETURN_IF_ERROR(Operator(open));
      }
    }
    return absl::OkStatus();  // The parser says what is missing.
  }

  bool TakeTagEnd(bool is_block) {
    const absl::string_view end = is_block ? "%}" : "}}";
    const absl::string_view text = rest();
    const TokenKind kind = is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd;
    if (absl::StartsWith(text, absl::StrCat("-", end))) {
      Add(kind, "");
      Take(3 + SpaceSize(text.substr(3)));
      return true;
    }
    if (is_block && absl::StartsWith(text, "+%}")) {
      Add(kind, "");
      Take(3);
      return true;
    }
    if (!absl::StartsWith(text, end)) return false;
    Add(kind, "");
    Take(is_block && absl::StartsWith(text.substr(2), "\n") ? 3 : 2);
    return true;
  }

  // Digits with single underscores between them, of this base; after a prefix one underscore may come first.
  size_t DigitsSize(absl::string_view text, int base, bool underscore_first) const {
    const auto is_digit = [&](char c) {
      if (base == 16) return absl::ascii_isxdigit(static_cast<unsigned char>(c)) != 0;
      return c >= '0' && c < '0' + base;
    };
    size_t size = 0;
    while (size < text.size()) {
      const bool underscore = text[size] == '_' && (size > 0 || underscore_first);
      const size_t digit = size + (underscore ? 1 : 0);
      if (digit >= text.size() || !is_digit(text[digit])) break;
      size = digit + 1;
    }
    return size;
  }

  // The bytes of a float here; 0 if there is none, as after a dot, where digits are an index.
  size_t FloatSize() const {
    if (at_ > 0 && source_[at_ - 1] == '.') return 0;
    const absl::string_view text = rest();
    const size_t whole = DigitsSize(text, 10, false);
    size_t size = whole;
    if (size < text.size() && text[size] == '.') {
      const size_t fraction = DigitsSize(text.substr(size + 1), 10, false);
      if (fraction > 0) size += 1 + fraction;
    }
    const size_t mantissa = size;
    if (size < text.size() && (text[size] == 'e' || text[size] == 'E')) {
      ++size;
      if (size < text.size() && (text[size] == '+' || text[size] == '-')) ++size;
      const size_t exponent = DigitsSize(text.substr(size), 10, false);
      if (exponent > 0) return size + exponent;
    }
    return mantissa > whole ? mantissa : 0;
  }

  absl::Status Number() {
    if (const size_t size = FloatSize(); size > 0) {
      const std::string digits = absl::StrReplaceAll(rest().substr(0, size), {{"_", ""}});
      double number = 0;
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (read.ec == std::errc::result_out_of_range) return Error("a float literal out of range");
      Add(TokenKind::kFloat, "");
      tokens_.back().number = number;
      Take(size);
      return absl::OkStatus();
    }
    const absl::string_view text = rest();
    int base = 10;
    if (text.size() > 2 && text[0] == '0') {
      const char prefix = absl::ascii_tolower(static_cast<unsigned char>(text[1]));
      const int candidate = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
      if (candidate != 10 && DigitsSize(text.substr(2), candidate, true) > 0) base = candidate;
    }
    const size_t prefix = base == 10 ? 0 : 2;
    // A decimal that begins with zero is only zeros.
    size_t size = DigitsSize(text.substr(prefix), base, base != 10);
    if (base == 10 && text[0] == '0') {
      size = 1;
      while (size < text.size() &&
             (text[size] == '0' || (text[size] == '_' && absl::StartsWith(text.substr(size + 1), "0"))))
        ++size;
    }
    const std::string digits = absl::StrReplaceAll(text.substr(prefix, size), {{"_", ""}});
    int64_t number = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), number, base).ec != std::errc())
      return absl::UnimplementedError(absl::StrCat("line ", line_, ": integers beyond 64 bits"));
    Add(TokenKind::kInteger, "");
    tokens_.back().integer = number;
    Take(prefix + size);
    return absl::OkStatus();
  }

  absl::Status Text(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return Error(absl::StrCat("unexpected char ", std::string(1, quote)));
    absl::StatusOr<std::string> text = UnescapeText(source_.substr(at_ + 1, end - at_ - 1));
    if (absl::IsInvalidArgument(text.status())) return Error(text.status().message());
    RETURN_IF_ERROR(text.status());
    Add(TokenKind::kText, *text);
    Take(end + 1 - at_);
    return absl::OkStatus();
  }

  // The bytes of a run of letters, digits and underscores, or what else may be in an identifier.
  size_t NameSize() const {
    const absl::string_view text = rest();
    size_t size = 0;
    for (size_t next = 0; next < text.size();) {
      const char32_t c = NextCodePoint(text, next);
      if (c != '_' && !IsAlphanumeric(c) && !IsIdentifierPart(c)) break;
      size = next;
    }
    return size;
  }

  absl::Status Name(size_t size) {
    const absl::string_view name = rest().substr(0, size);
    size_t offset = 0;
    bool valid = IsIdentifierStart(NextCodePoint(name, offset));
    while (valid && offset < name.size()) valid = IsIdentifierPart(NextCodePoint(name, offset));
    if (!valid) return Error("Invalid character in identifier");
    Add(TokenKind::kName, name);
    Take(size);
    return absl::OkStatus();
  }

  absl::Status Operator(std::string& open) {
    static constexpr absl::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                       "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                       ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (const absl::string_view op : kOperators) {
      if (!absl::StartsWith(rest(), op)) continue;
      const char c = op[0];
      if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
      if (c == ')' || c == ']' || c == '}') {
        if (open.empty()) return Error(absl::StrCat("unexpected '", op, "'"));
        if (open.back() != c)
          return Error(absl::StrCat("unexpected '", op, "', expected '", std::string(1, open.back()), "'"));
        open.pop_back();
      }
      Add(TokenKind::kOperator, op);
      Take(op.size());
      return absl::OkStatus();
    }
    size_t size = 0;
    NextCodePoint(rest(), size);
    return Error(absl::StrCat("unexpected char '", rest().substr(0, size), "'"));
  }

  absl::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // What was taken last ended a line.
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source) {
  std::string text = NormalNewlines(source);
  if (absl::EndsWith(text, "\n")) text.pop_back();
  return Lexer(text).Run();
}

}  // namespace metronome::text::jinja
