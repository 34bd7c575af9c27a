#ifndef METRONOME_RUNTIME_TEXT_ENCODING_REGEX_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_REGEX_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct pcre2_real_code_8;

namespace metronome::text {

// Byte offsets [begin, end) into a text.
using TextSpan = std::pair<size_t, size_t>;

// A Unicode regular expression as tokenizer.json writes them (Oniguruma's dialect), run by PCRE2, compiled to machine
// code where it can. Immutable and thread-safe.
class Regex {
 public:
  // InvalidArgument with PCRE2's message and offset; Unimplemented for what PCRE2 would read differently.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);

  // Appends the non-overlapping matches from left to right. An empty one counts unless it follows a match directly.
  // `text` must be UTF-8; an empty one has no matches.
  // ResourceExhausted when the match limit is hit, which a hostile pattern can do.
  absl::Status FindAll(absl::string_view text, std::vector<TextSpan>& spans) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_REGEX_H_
