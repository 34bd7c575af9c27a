#include "runtime/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "absl/strings/str_cat.h"

namespace metronome {
namespace {

absl::StatusOr<pcre2_code*> CompileWith(const std::string& pattern, uint32_t options) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options | PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR message[128];
    pcre2_get_error_message(error, message, sizeof(message));
    return absl::InvalidArgumentError(
        absl::StrCat("regex offset ", offset, ": ", reinterpret_cast<const char*>(message)));
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // Interpreted where the platform has no JIT.
  return code;
}

struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

absl::StatusOr<Regex> Regex::Compile(const std::string& pattern) {
  absl::StatusOr<pcre2_code*> code = CompileWith(pattern, 0);
  if (!code.ok()) return code.status();
  Regex regex;
  regex.code_.reset(*code);
  return regex;
}

absl::StatusOr<Regex> Regex::Literal(const std::string& text) {
  absl::StatusOr<pcre2_code*> code = CompileWith(text, PCRE2_LITERAL);
  if (!code.ok()) return code.status();
  Regex regex;
  regex.code_.reset(*code);
  return regex;
}

absl::StatusOr<std::vector<Regex::Span>> Regex::FindAll(absl::string_view text) const {
  const std::unique_ptr<pcre2_match_data, FreeMatch> match(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  std::vector<Span> spans;
  size_t at = 0;
  while (at < text.size()) {
    const int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                  PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0)
      return absl::ResourceExhaustedError(absl::StrCat("regex match failed at byte ", at, " with PCRE2 error ", count));
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match.get());
    if (offsets[1] > offsets[0]) {
      spans.emplace_back(offsets[0], offsets[1]);
      at = offsets[1];
    } else {
      for (++at; at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;)
        ++at;  // To the next character.
    }
  }
  return spans;
}

}  // namespace metronome
