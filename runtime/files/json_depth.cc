#include "runtime/files/json_depth.h"

#include "absl/strings/str_cat.h"

namespace metronome {

absl::Status CheckJsonDepth(absl::string_view text, absl::string_view name) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth)
        return absl::InvalidArgumentError(
            absl::StrCat(name, " nests deeper than ", kMaxJsonDepth, " levels at byte ", i));
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return absl::OkStatus();
}

}  // namespace metronome
