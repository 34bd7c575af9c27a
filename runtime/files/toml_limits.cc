#include "runtime/files/toml_limits.h"

#include "absl/strings/str_cat.h"

namespace metronome {

absl::Status CheckTomlKeys(absl::string_view text, absl::string_view name) {
  constexpr int kMaxParts = 256;
  int line = 1, dots = 0;
  bool in_key = true;  // Before the '=' of a line. What is within quotes counts too, which harms nobody.
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      dots = 0;
      in_key = true;
    } else if (c == '=') {
      in_key = false;
    } else if (c == '.' && in_key && ++dots >= kMaxParts) {
      return absl::InvalidArgumentError(absl::StrCat(name, ":", line, ": a key has more than ", kMaxParts, " parts"));
    }
  }
  return absl::OkStatus();
}

}  // namespace metronome
