// Jinja's filters that make text.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/filters.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/library/text_functions.h"
#include "runtime/text/jinja/text/json_form.h"
#include "runtime/text/jinja/text/printf.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/text_search.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

// The input as text, as str() gives it; what is text stays as it is.
absl::StatusOr<Value> SoftText(Rendering& rendering, const Value& input) {
  if (input.is_text()) return input;
  ASSIGN_OR_RETURN(std::string text, Str(rendering, input));
  return NewText(rendering, std::move(text));
}

std::string TitleWords(absl::string_view text) {
  const auto separates = [](char32_t c) {
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || IsSpace(c);
  };
  std::string title;
  for (size_t from = 0; from < text.size();) {
    size_t to = from;
    const bool separator = separates(NextCodePoint(text, to));
    const size_t first = to;
    for (size_t next = to; next < text.size() && separates(NextCodePoint(text, next)) == separator;) to = next;
    absl::StrAppend(&title, ToUpper(text.substr(from, first - from)), ToLower(text.substr(first, to - first)));
    from = to;
  }
  return title;
}

template <std::string (*kMap)(absl::string_view)>
absl::StatusOr<Value> Map(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("filter", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(const Value text, SoftText(rendering, input));
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(text.text().size())));
  return NewText(rendering, kMap(text.text()), text.text_body().markup);
}

absl::StatusOr<Value> String(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("string", std::move(arguments), {}, 0).status());
  return SoftText(rendering, input);
}

template <bool kEscape, bool kAgain>
absl::StatusOr<Value> Mark(Rendering& rendering, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("escape", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(const Value text, SoftText(rendering, input));
  const bool escape = kEscape && (kAgain || !text.text_body().markup);
  return NewText(rendering, escape ? EscapeHtml(text.text()) : std::string(text.text()), /*markup=*/true);
}

absl::StatusOr<Value> Trim(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("trim", std::move(arguments), {"chars"}, 0));
  ASSIGN_OR_RETURN(const Value text, SoftText(rendering, input));
  return StripText(rendering, text, p[0], true, true);
}

absl::StatusOr<Value> Replace(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("replace", std::move(arguments), {"old", "new", "count"}, 2));
  ASSIGN_OR_RETURN(const std::string text, Str(rendering, input));
  ASSIGN_OR_RETURN(const std::string old, Str(rendering, p[0]));
  ASSIGN_OR_RETURN(const std::string replacement, Str(rendering, p[1]));
  int64_t count = -1;
  if (!p[2].is_none()) {
    ASSIGN_OR_RETURN(count, p.Int(2, -1));
  }
  ASSIGN_OR_RETURN(std::string replaced, ReplaceText(rendering, text, old, replacement, count));
  return NewText(rendering, std::move(replaced));
}

absl::StatusOr<Value> Center(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("center", std::move(arguments), {"width"}, 0));
  ASSIGN_OR_RETURN(const int64_t width, p.Int(0, 80));
  ASSIGN_OR_RETURN(const Value text, SoftText(rendering, input));
  const int64_t missing = std::max<int64_t>(0, width - text.text_body().length);
  const int64_t left = missing / 2 + (missing & width & 1);
  return PadText(rendering, text.text(), left, missing - left, " ");
}

absl::StatusOr<Value> Indent(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("indent", std::move(arguments), {"width", "first", "blank"}, 0));
  if (input.is_undefined()) return UndefinedError(input);
  if (!input.is_text()) return TypeError(absl::StrCat("indent needs text, not '", input.TypeName(), "'"));
  std::string indention;
  if (p[0].is_text()) {
    indention = std::string(p[0].text());
  } else {
    ASSIGN_OR_RETURN(const int64_t width, p.Int(0, 4));
    RETURN_IF_ERROR(rendering.budget.Allocate(std::max<int64_t>(width, 0)));
    indention.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  const bool first = p.True(1, false), blank = p.True(2, false);
  const std::string source = absl::StrCat(input.text(), "\n");
  std::string text;
  bool at_first = true;
  for (const absl::string_view line : LinesOf(source, /*keep_ends=*/false)) {
    const bool indented = at_first ? first : blank || !line.empty();
    RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(line.size() + indention.size() + 1)));
    absl::StrAppend(&text, at_first ? "" : "\n", indented ? indention : "", line);
    at_first = false;
  }
  return NewText(rendering, std::move(text), input.text_body().markup);
}

absl::StatusOr<Value> Truncate(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("truncate", std::move(arguments), {"length", "killwords", "end", "leeway"}, 0));
  ASSIGN_OR_RETURN(const int64_t length, p.Int(0, 255));
  ASSIGN_OR_RETURN(const std::string end, p.Text(2, "..."));
  int64_t leeway = 5;
  if (!p[3].is_none()) {
    ASSIGN_OR_RETURN(leeway, p.Int(3, 5));
  }
  const int64_t end_length = CodePointCount(end);
  if (length < end_length) return ValueError(absl::StrCat("expected length >= ", end_length, ", got ", length));
  if (leeway < 0) return ValueError(absl::StrCat("expected leeway >= 0, got ", leeway));
  ASSIGN_OR_RETURN(const int64_t size, Length(rendering, input));
  if (size - leeway <= length) return input;
  if (!input.is_text()) return absl::UnimplementedError("the filter 'truncate' on what is not text");
  absl::string_view kept = TextSlice(input.text_body(), 0, length - end_length);
  if (!p.True(1, false)) kept = kept.substr(0, kept.rfind(' '));
  return NewText(rendering, absl::StrCat(kept, end));
}

absl::StatusOr<Value> WordCount(Rendering& rendering, const Value& input, Arguments) {
  ASSIGN_OR_RETURN(const Value text, SoftText(rendering, input));
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(text.text().size())));
  int64_t words = 0;
  bool in_word = false;
  for (size_t offset = 0; offset < text.text().size();) {
    const char32_t c = NextCodePoint(text.text(), offset);
    const bool is_word = c == '_' || IsAlphanumeric(c);
    words += static_cast<int64_t>(is_word && !in_word);
    in_word = is_word;
  }
  return Value(words);
}

absl::StatusOr<Value> Format(Rendering& rendering, const Value& input, Arguments arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    return TypeError("can't handle positional and keyword arguments at the same time");
  ASSIGN_OR_RETURN(const Value text, SoftText(rendering, input));
  if (arguments.named.empty()) {
    ASSIGN_OR_RETURN(const Value values, NewTuple(rendering, std::move(arguments.positional)));
    return FormatPercent(rendering, text, values);
  }
  Dict dict;
  for (auto& [name, value] : arguments.named) dict.Set(name, std::move(value));
  ASSIGN_OR_RETURN(const Value values, NewDict(rendering, std::move(dict)));
  return FormatPercent(rendering, text, values);
}

absl::StatusOr<JsonStyle> StyleOf(Rendering& rendering, const Parameters& p) {
  JsonStyle style;
  style.ensure_ascii = p.True(0, false);
  if (p[1].is_text()) {
    style.indent = std::string(p[1].text());
  } else if (!p[1].is_none()) {
    ASSIGN_OR_RETURN(const int64_t width, p.Int(1, 0));
    RETURN_IF_ERROR(rendering.budget.Allocate(std::max<int64_t>(width, 0)));
    style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  if (style.indent.has_value()) style.item_separator = ",";
  if (!p[2].is_none()) {
    ASSIGN_OR_RETURN(const std::vector<Value> separators, Collect(rendering, p[2]));
    if (separators.size() != 2 || !separators[0].is_text() || !separators[1].is_text())
      return ValueError("separators must be two texts");
    style.item_separator = std::string(separators[0].text());
    style.key_separator = std::string(separators[1].text());
  }
  style.sort_keys = p.True(3, false);
  return style;
}

absl::StatusOr<Value> Json(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("tojson", std::move(arguments),
                                                         {"ensure_ascii", "indent", "separators", "sort_keys"}, 0));
  ASSIGN_OR_RETURN(const JsonStyle style, StyleOf(rendering, p));
  ASSIGN_OR_RETURN(std::string text, ToJson(rendering, input, style));
  return NewText(rendering, std::move(text));
}

}  // namespace

const FilterTable& TextFilters() {
  static const auto* const filters = new FilterTable{
      {"capitalize", Map<Capitalize>},
      {"center", Center},
      {"e", Mark<true, false>},
      {"escape", Mark<true, false>},
      {"forceescape", Mark<true, true>},
      {"format", Format},
      {"indent", Indent},
      {"lower", Map<ToLower>},
      {"replace", Replace},
      {"safe", Mark<false, false>},
      {"string", String},
      {"title", Map<TitleWords>},
      {"tojson", Json},
      {"trim", Trim},
      {"truncate", Truncate},
      {"upper", Map<ToUpper>},
      {"wordcount", WordCount},
  };
  return *filters;
}

}  // namespace metronome::text::jinja
