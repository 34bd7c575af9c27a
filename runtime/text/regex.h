#ifndef METRONOME_RUNTIME_TEXT_REGEX_H_
#define METRONOME_RUNTIME_TEXT_REGEX_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct pcre2_real_code_8;

namespace metronome {

// A Unicode regular expression (PCRE2, UTF and UCP). Immutable and thread-safe.
class Regex {
 public:
  using Span = std::pair<size_t, size_t>;  // Byte offsets [begin, end).

  // InvalidArgument with PCRE2's message and offset.
  static absl::StatusOr<Regex> Compile(const std::string& pattern);
  // Matches `text` itself and nothing else.
  static absl::StatusOr<Regex> Literal(const std::string& text);

  // Non-overlapping matches from left to right, empty ones left out. `text` must be UTF-8.
  // ResourceExhausted when the match limit is hit, which a hostile pattern can do.
  absl::StatusOr<std::vector<Span>> FindAll(absl::string_view text) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_REGEX_H_
