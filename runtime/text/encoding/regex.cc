#include "runtime/text/encoding/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/characters.h"
#include "runtime/text/encoding/regex_syntax.h"

namespace metronome::text {
namespace {

struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

// Backtracking steps allowed for one match: thousands of times what sane patterns need, a fraction of a second.
constexpr uint32_t kMatchLimit = 2'000'000;

std::string ErrorText(int error) {
  PCRE2_UCHAR text[128];
  pcre2_get_error_message(error, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  ASSIGN_OR_RETURN(const std::string translated, OnigurumaToPcre2(pattern));
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(pcre2_compile_context_create(nullptr));
  // Oniguruma's . stops at line feeds alone, and its ^ and $ always match at lines.
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  Regex regex;
  regex.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                                  context.get()));
  if (regex.code_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("regex offset ", offset, " of '", translated, "': ", ErrorText(error)));
  }
  pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE);  // Interpreted where the platform has no JIT.
  return regex;
}

absl::Status Regex::FindAll(absl::string_view text, std::vector<TextSpan>& spans) const {
  const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  const std::unique_ptr<pcre2_match_context, FreeMatchContext> context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  if (text.empty()) return absl::OkStatus();
  absl::optional<size_t> last_end;
  for (size_t at = 0; at <= text.size();) {
    const auto run = [&](uint32_t options) {
      return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                         PCRE2_NO_UTF_CHECK | options, match.get(), context.get());
    };
    int count = run(0);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = run(PCRE2_NO_JIT);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0)
      return absl::ResourceExhaustedError(absl::StrCat("regex match failed at byte ", at, ": ", ErrorText(count)));
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match.get());
    if (offsets[0] == offsets[1] && last_end == offsets[1]) {
      at = at < text.size() ? NextCharacter(text, at) : at + 1;
      continue;
    }
    spans.emplace_back(offsets[0], offsets[1]);
    at = offsets[1];
    last_end = at;
  }
  return absl::OkStatus();
}

}  // namespace metronome::text
