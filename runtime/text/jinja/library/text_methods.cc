// The methods of Python's str.
#include <algorithm>
#include <functional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/methods.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/library/text_functions.h"
#include "runtime/text/jinja/text/format.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/text_search.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

using Method = absl::StatusOr<Value> (*)(Rendering&, const Value& self, Arguments);

constexpr auto npos = absl::string_view::npos;

// A method without arguments that maps the text.
template <std::string (*kMap)(absl::string_view)>
absl::StatusOr<Value> Map(Rendering& rendering, const Value& self, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("str method", std::move(arguments), {}, 0).status());
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(self.text().size())));
  return NewText(rendering, kMap(self.text()), self.text_body().markup);
}

// A method without arguments that asks whether all characters of a text that is not empty are of a kind.
template <bool (*kIs)(char32_t)>
absl::StatusOr<Value> All(Rendering& rendering, const Value& self, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("str method", std::move(arguments), {}, 0).status());
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(self.text().size())));
  const absl::string_view text = self.text();
  for (size_t offset = 0; offset < text.size();)
    if (!kIs(NextCodePoint(text, offset))) return Value(false);
  return Value(!text.empty());
}

absl::StatusOr<Value> IsPrintableText(Rendering& rendering, const Value& self, Arguments arguments) {
  if (self.text().empty()) return Value(true);
  return All<IsPrintable>(rendering, self, std::move(arguments));
}

absl::StatusOr<Value> IsAscii(Rendering&, const Value& self, Arguments) { return Value(self.text_body().is_ascii()); }

absl::StatusOr<Value> IsIdentifier(Rendering&, const Value& self, Arguments) {
  const absl::string_view text = self.text();
  size_t offset = 0;
  if (text.empty() || !IsIdentifierStart(NextCodePoint(text, offset))) return Value(false);
  while (offset < text.size())
    if (!IsIdentifierPart(NextCodePoint(text, offset))) return Value(false);
  return Value(true);
}

absl::StatusOr<Value> IsTitleText(Rendering&, const Value& self, Arguments) {
  const absl::string_view text = self.text();
  bool any = false, in_word = false;
  for (size_t offset = 0; offset < text.size();) {
    const char32_t c = NextCodePoint(text, offset);
    if (IsUpper(c) || IsTitle(c)) {
      if (in_word) return Value(false);
      in_word = any = true;
    } else if (IsLower(c)) {
      if (!in_word) return Value(false);
      in_word = any = true;
    } else {
      in_word = false;
    }
  }
  return Value(any);
}

template <bool kLower>
absl::StatusOr<Value> IsCase(Rendering&, const Value& self, Arguments) {
  return Value(kLower ? IsLowerText(self.text()) : IsUpperText(self.text()));
}

template <bool kLeft, bool kRight>
absl::StatusOr<Value> Strip(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("strip", std::move(arguments), {"/chars"}, 0));
  return StripText(rendering, self, p[0], kLeft, kRight);
}

template <bool kFromRight>
absl::StatusOr<Value> Split(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("split", std::move(arguments), {"sep", "maxsplit"}, 0));
  ASSIGN_OR_RETURN(const int64_t limit, p.Int(1, -1));
  if (p[0].is_none()) return SplitAtSpace(rendering, self.text(), limit, kFromRight);
  ASSIGN_OR_RETURN(const std::string separator, p.Text(0, ""));
  if (separator.empty()) return ValueError("empty separator");
  return SplitAt(rendering, self.text(), separator, limit, kFromRight);
}

absl::StatusOr<Value> SplitLines(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("splitlines", std::move(arguments), {"keepends"}, 0));
  std::vector<Value> lines;
  for (const absl::string_view line : LinesOf(self.text(), p.True(0, false))) {
    ASSIGN_OR_RETURN(lines.emplace_back(), NewText(rendering, std::string(line)));
  }
  return NewList(rendering, std::move(lines));
}

template <bool kLast>
absl::StatusOr<Value> Partition(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("partition", std::move(arguments), {"/sep"}, 1));
  ASSIGN_OR_RETURN(const std::string separator, p.Text(0, ""));
  if (separator.empty()) return ValueError("empty separator");
  const absl::string_view text = self.text();
  ASSIGN_OR_RETURN(const size_t at,
                   kLast ? FindLastText(rendering, text, separator) : FindText(rendering, text, separator));
  std::vector<std::string> parts;
  if (at == npos) {
    parts = kLast ? std::vector<std::string>{"", "", std::string(text)}
                  : std::vector<std::string>{std::string(text), "", ""};
  } else {
    parts = {std::string(text.substr(0, at)), separator, std::string(text.substr(at + separator.size()))};
  }
  std::vector<Value> values;
  for (std::string& part : parts) {
    ASSIGN_OR_RETURN(values.emplace_back(), NewText(rendering, std::move(part)));
  }
  return NewTuple(rendering, std::move(values));
}

// The part of the text that optional start and end positions, parameters 1 and 2, leave, and where it begins.
struct Window {
  absl::string_view part;
  int64_t begin = 0;
  bool inside = true;  // Whether begin <= end.
};

absl::StatusOr<Window> WindowOf(const Value& self, const Parameters& p) {
  const int64_t length = self.text_body().length;
  const auto position = [&](size_t i, int64_t missing) -> absl::StatusOr<int64_t> {
    if (p[i].is_none()) return missing;
    ASSIGN_OR_RETURN(const int64_t index, p.Int(i, missing));
    return index < 0 ? std::max<int64_t>(0, index + length) : index;
  };
  ASSIGN_OR_RETURN(const int64_t begin, position(1, 0));
  ASSIGN_OR_RETURN(int64_t end, position(2, length));
  end = std::min(end, length);
  if (begin > end) return Window{"", begin, false};
  return Window{TextSlice(self.text_body(), begin, end), begin, true};
}

template <bool kLast, bool kMustBeThere>
absl::StatusOr<Value> FindIn(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("find", std::move(arguments), {"/sub", "/start", "/end"}, 1));
  ASSIGN_OR_RETURN(const std::string part, p.Text(0, ""));
  ASSIGN_OR_RETURN(const Window window, WindowOf(self, p));
  size_t found = npos;
  if (window.inside) {
    ASSIGN_OR_RETURN(found,
                     kLast ? FindLastText(rendering, window.part, part) : FindText(rendering, window.part, part));
  }
  if (found != npos) return Value(window.begin + CodePointCount(window.part.substr(0, found)));
  if (kMustBeThere) return ValueError("substring not found");
  return Value(int64_t{-1});
}

absl::StatusOr<Value> Count(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("count", std::move(arguments), {"/sub", "/start", "/end"}, 1));
  ASSIGN_OR_RETURN(const std::string part, p.Text(0, ""));
  ASSIGN_OR_RETURN(const Window window, WindowOf(self, p));
  if (!window.inside) return Value(int64_t{0});
  if (part.empty()) return Value(CodePointCount(window.part) + 1);
  int64_t count = 0;
  for (size_t from = 0;; ++count) {
    ASSIGN_OR_RETURN(const size_t found, FindText(rendering, window.part, part, from));
    if (found == npos) return Value(count);
    from = found + part.size();
  }
}

template <bool kEnds>
absl::StatusOr<Value> HasAffix(Rendering& rendering, const Value& self, Arguments arguments) {
  const char* name = kEnds ? "endswith" : "startswith";
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match(name, std::move(arguments), {"/affix", "/start", "/end"}, 1));
  ASSIGN_OR_RETURN(const Window window, WindowOf(self, p));
  std::vector<Value> affixes = {p[0]};
  if (p[0].kind() == Kind::kTuple) affixes = p[0].items();
  RETURN_IF_ERROR(rendering.budget.Step(static_cast<int64_t>(affixes.size())));
  for (const Value& affix : affixes) {
    if (!affix.is_text()) {
      return TypeError(absl::StrCat(name, " first arg must be str or a tuple of str, not ", affix.TypeName()));
    }
    if (!window.inside) continue;
    if (kEnds ? absl::EndsWith(window.part, affix.text()) : absl::StartsWith(window.part, affix.text()))
      return Value(true);
  }
  return Value(false);
}

absl::StatusOr<Value> Replace(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("replace", std::move(arguments), {"/old", "/new", "/count"}, 2));
  ASSIGN_OR_RETURN(const std::string old, p.Text(0, ""));
  ASSIGN_OR_RETURN(const std::string replacement, p.Text(1, ""));
  ASSIGN_OR_RETURN(const int64_t count, p.Int(2, -1));
  ASSIGN_OR_RETURN(std::string text, ReplaceText(rendering, self.text(), old, replacement, count));
  return NewText(rendering, std::move(text));
}

template <bool kPrefix>
absl::StatusOr<Value> RemoveAffix(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("removeprefix", std::move(arguments), {"/affix"}, 1));
  ASSIGN_OR_RETURN(const std::string affix, p.Text(0, ""));
  absl::string_view text = self.text();
  if (kPrefix ? absl::StartsWith(text, affix) : absl::EndsWith(text, affix))
    text = text.substr(kPrefix ? affix.size() : 0, text.size() - affix.size());
  return NewText(rendering, std::string(text));
}

absl::StatusOr<Value> Join(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("join", std::move(arguments), {"/iterable"}, 1));
  if (!IsIterable(p[0])) return TypeError("can only join an iterable");
  ASSIGN_OR_RETURN(const std::vector<Value> items, Collect(rendering, p[0]));
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_text()) {
      return TypeError(absl::StrCat("sequence item ", i, ": expected str instance, ", items[i].TypeName(), " found"));
    }
    if (i > 0) RETURN_IF_ERROR(AppendStr(rendering, self, text));
    RETURN_IF_ERROR(AppendStr(rendering, items[i], text));
  }
  return NewText(rendering, std::move(text));
}

enum class Justify { kLeft, kRight, kCenter };

template <Justify kJustify>
absl::StatusOr<Value> Pad(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("just", std::move(arguments), {"/width", "/fillchar"}, 1));
  ASSIGN_OR_RETURN(const int64_t width, p.Int(0, 0));
  ASSIGN_OR_RETURN(const std::string fill, p.Text(1, " "));
  if (CodePointCount(fill) != 1) return TypeError("The fill character must be exactly one character long");
  const int64_t missing = std::max<int64_t>(0, width - self.text_body().length);
  const int64_t left = kJustify == Justify::kLeft    ? 0
                       : kJustify == Justify::kRight ? missing
                                                     : missing / 2 + (missing & width & 1);
  return PadText(rendering, self.text(), left, missing - left, fill);
}

absl::StatusOr<Value> ZeroFill(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("zfill", std::move(arguments), {"/width"}, 1));
  ASSIGN_OR_RETURN(const int64_t width, p.Int(0, 0));
  const absl::string_view text = self.text();
  const int64_t missing = std::max<int64_t>(0, width - self.text_body().length);
  const bool sign = absl::StartsWith(text, "-") || absl::StartsWith(text, "+");
  ASSIGN_OR_RETURN(const Value filled, PadText(rendering, sign ? text.substr(1) : text, missing, 0, "0"));
  return sign ? NewText(rendering, absl::StrCat(text.substr(0, 1), filled.text())) : filled;
}

absl::StatusOr<Value> ExpandTabs(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("expandtabs", std::move(arguments), {"tabsize"}, 0));
  ASSIGN_OR_RETURN(const int64_t size, p.Int(0, 8));
  const absl::string_view text = self.text();
  std::string expanded;
  int64_t column = 0;
  for (size_t from = 0; from < text.size();) {
    size_t to = from;
    const char32_t c = NextCodePoint(text, to);
    if (c == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      RETURN_IF_ERROR(rendering.budget.Allocate(spaces));
      expanded.append(static_cast<size_t>(spaces), ' ');
      column += spaces;
    } else {
      absl::StrAppend(&expanded, text.substr(from, to - from));
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    from = to;
  }
  return NewText(rendering, std::move(expanded));
}

absl::StatusOr<Value> Format(Rendering& rendering, const Value& self, Arguments arguments) {
  return FormatBraces(rendering, self.text(), arguments);
}

const absl::flat_hash_map<absl::string_view, Method>& Methods() {
  static const auto* const methods = new absl::flat_hash_map<absl::string_view, Method>{
      {"upper", Map<ToUpper>},
      {"lower", Map<ToLower>},
      {"casefold", Map<FoldCase>},
      {"title", Map<ToTitle>},
      {"capitalize", Map<Capitalize>},
      {"swapcase", Map<SwapCase>},
      {"isalpha", All<IsAlphabetic>},
      {"isdecimal", All<IsDecimal>},
      {"isdigit", All<IsDigit>},
      {"isnumeric", All<IsNumeric>},
      {"isalnum", All<IsAlphanumeric>},
      {"isspace", All<IsSpace>},
      {"isprintable", IsPrintableText},
      {"isascii", IsAscii},
      {"isidentifier", IsIdentifier},
      {"istitle", IsTitleText},
      {"islower", IsCase<true>},
      {"isupper", IsCase<false>},
      {"strip", Strip<true, true>},
      {"lstrip", Strip<true, false>},
      {"rstrip", Strip<false, true>},
      {"split", Split<false>},
      {"rsplit", Split<true>},
      {"splitlines", SplitLines},
      {"partition", Partition<false>},
      {"rpartition", Partition<true>},
      {"find", FindIn<false, false>},
      {"rfind", FindIn<true, false>},
      {"index", FindIn<false, true>},
      {"rindex", FindIn<true, true>},
      {"count", Count},
      {"startswith", HasAffix<false>},
      {"endswith", HasAffix<true>},
      {"replace", Replace},
      {"removeprefix", RemoveAffix<true>},
      {"removesuffix", RemoveAffix<false>},
      {"join", Join},
      {"ljust", Pad<Justify::kLeft>},
      {"rjust", Pad<Justify::kRight>},
      {"center", Pad<Justify::kCenter>},
      {"zfill", ZeroFill},
      {"expandtabs", ExpandTabs},
      {"format", Format},
  };
  return *methods;
}

}  // namespace

std::optional<Value> FindTextMethod(const Value& value, absl::string_view name) {
  const auto found = Methods().find(name);
  if (found == Methods().end()) return std::nullopt;
  return Value(std::make_shared<Function>(
      std::string(name), 0, [self = value, method = found->second](Rendering& rendering, Arguments arguments) {
        return method(rendering, self, std::move(arguments));
      }));
}

}  // namespace metronome::text::jinja
