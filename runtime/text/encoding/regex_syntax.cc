#include "runtime/text/encoding/regex_syntax.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {
namespace {

constexpr absl::string_view kWordClass = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Oniguruma takes these for words too, but not within a class.
constexpr absl::string_view kWordFractions = R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

class Translator {
 public:
  explicit Translator(absl::string_view pattern) : pattern_(pattern) {}

  absl::StatusOr<std::string> Run() {
    while (at_ < pattern_.size()) {
      switch (pattern_[at_]) {
        case '\\':
          RETURN_IF_ERROR(Escape());
          break;
        case '[':
          RETURN_IF_ERROR(OpenBracket());
          break;
        case ']':
          in_class_ = in_class_ && at_ == class_start_;  // The first of a class is literal.
          Copy(1);
          break;
        case '&':
          if (in_class_ && Follows("&&")) return Unsupported("class intersection");
          Copy(1);
          break;
        case '(':
          RETURN_IF_ERROR(OpenGroup());
          break;
        case '{':
          RETURN_IF_ERROR(OpenInterval());
          break;
        default:
          Copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  bool Follows(absl::string_view text) const { return absl::StartsWith(pattern_.substr(at_), text); }

  void Copy(size_t count) {
    absl::StrAppend(&out_, pattern_.substr(at_, count));
    at_ += count;
  }

  void Replace(size_t count, absl::string_view text) {
    absl::StrAppend(&out_, text);
    at_ += count;
  }

  absl::Status Unsupported(absl::string_view what) const {
    return absl::UnimplementedError(absl::StrCat("regex offset ", at_, ": ", what, " is not supported"));
  }

  absl::Status OpenBracket() {
    if (in_class_) return Unsupported("a class within a class");
    in_class_ = true;
    Copy(1);
    if (Follows("^")) Copy(1);
    class_start_ = at_;
    return absl::OkStatus();
  }

  absl::Status OpenGroup() {
    if (in_class_) {
      Copy(1);
      return absl::OkStatus();
    }
    if (Follows("(*")) return Unsupported("a verb");
    if (!Follows("(?")) {
      Copy(1);
      return absl::OkStatus();
    }
    for (const absl::string_view opening :
         {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)", "(?-i:", "(?-i)"}) {
      if (Follows(opening)) {
        Copy(opening.size());
        return absl::OkStatus();
      }
    }
    return Unsupported(absl::StrCat("the group '", pattern_.substr(at_, 3), "'"));
  }

  // {n}, {n,} and {n,m} mean the same in both; what follows them and {,m} do not.
  absl::Status OpenInterval() {
    size_t end = at_ + 1;
    while (end < pattern_.size() && (absl::ascii_isdigit(pattern_[end]) || pattern_[end] == ',')) ++end;
    const bool interval = !in_class_ && end > at_ + 1 && end < pattern_.size() && pattern_[end] == '}';
    if (!interval) {
      Copy(1);
      return absl::OkStatus();
    }
    if (pattern_[at_ + 1] == ',') return Unsupported("an interval without a minimum");
    if (end + 1 < pattern_.size() && (pattern_[end + 1] == '+' || pattern_[end + 1] == '?'))
      return Unsupported("a lazy or possessive interval");
    Copy(end + 1 - at_);
    return absl::OkStatus();
  }

  absl::Status Escape() {
    if (at_ + 1 >= pattern_.size()) {
      Copy(1);
      return absl::OkStatus();
    }
    const char c = pattern_[at_ + 1];
    switch (c) {
      case 's':
        Replace(2, R"(\p{wspace})");
        return absl::OkStatus();
      case 'S':
        Replace(2, R"(\P{wspace})");
        return absl::OkStatus();
      case 'd':
        Replace(2, R"(\p{Nd})");
        return absl::OkStatus();
      case 'D':
        Replace(2, R"(\P{Nd})");
        return absl::OkStatus();
      case 'w':
        Replace(2, in_class_ ? std::string(kWordClass) : absl::StrCat("[", kWordClass, kWordFractions, "]"));
        return absl::OkStatus();
      case 'W':
        if (in_class_) return Unsupported(R"(\W in a class)");
        Replace(2, absl::StrCat("[^", kWordClass, kWordFractions, "]"));
        return absl::OkStatus();
      case 'v':
        Replace(2, R"(\x0b)");
        return absl::OkStatus();
      case 'p':
      case 'P':
        return Property();
      default:
        break;
    }
    if (absl::ascii_isalnum(c) && !absl::StrContains("rntfaex", c))
      return Unsupported(absl::StrCat("the escape '", pattern_.substr(at_, 2), "'"));
    Copy(2);
    return absl::OkStatus();
  }

  // One and two letters are general categories. Longer names are scripts, which PCRE2 takes with their extensions
  // unless told otherwise.
  absl::Status Property() {
    const size_t end = pattern_.find('}', at_);
    if (pattern_.substr(at_ + 2, 1) != "{" || end == absl::string_view::npos)
      return Unsupported("a property without braces");
    absl::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    const absl::string_view negation = absl::StartsWith(name, "^") ? "^" : "";
    name.remove_prefix(negation.size());
    const bool letters =
        std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalpha(c) || c == '_'; });
    if (name.empty() || !letters) return Unsupported(absl::StrCat("the property '", name, "'"));
    Replace(end + 1 - at_, absl::StrCat(pattern_.substr(at_, 3), negation, name.size() > 2 ? "sc:" : "", name, "}"));
    return absl::OkStatus();
  }

  absl::string_view pattern_;
  size_t at_ = 0;
  bool in_class_ = false;
  size_t class_start_ = 0;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> OnigurumaToPcre2(absl::string_view pattern) { return Translator(pattern).Run(); }

}  // namespace metronome::text
