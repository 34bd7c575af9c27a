#include "runtime/text/jinja/text/text_search.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::text::jinja {

absl::StatusOr<size_t> FindText(Rendering& rendering, absl::string_view text, absl::string_view part, size_t from) {
  if (from > text.size()) return absl::string_view::npos;
  const absl::string_view rest = text.substr(from);
  if (part.empty()) return from;
  // memmem is linear for all texts, unlike std::string::find.
  const void* found = memmem(rest.data(), rest.size(), part.data(), part.size());
  const size_t offset =
      found == nullptr ? rest.size() : static_cast<size_t>(static_cast<const char*>(found) - rest.data());
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(offset + part.size())));
  return found == nullptr ? absl::string_view::npos : from + offset;
}

absl::StatusOr<size_t> FindLastText(Rendering& rendering, absl::string_view text, absl::string_view part) {
  if (part.empty()) return text.size();
  size_t last = absl::string_view::npos;
  for (size_t end = text.size(); end >= part.size(); --end) {
    // Each position costs a comparison, which is charged as far as it may go.
    if (text[end - 1] == part.back() && text[end - part.size()] == part.front()) {
      RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(part.size())));
      if (text.substr(end - part.size(), part.size()) == part) {
        last = end - part.size();
        break;
      }
    }
  }
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(text.size())));
  return last;
}

absl::StatusOr<std::string> ReplaceText(Rendering& rendering, absl::string_view text, absl::string_view old,
                                        absl::string_view replacement, int64_t count) {
  std::string result;
  size_t from = 0;
  for (int64_t i = 0; count < 0 || i < count; ++i) {
    size_t found = from;
    if (!old.empty()) {
      ASSIGN_OR_RETURN(found, FindText(rendering, text, old, from));
      if (found == absl::string_view::npos) break;
    }
    const size_t charged = result.size();
    absl::StrAppend(&result, text.substr(from, found - from), replacement);
    from = found + old.size();
    if (old.empty()) {
      // An empty text is found before each character and at the end.
      if (from < text.size()) {
        const size_t size = Utf8CharacterSize(text.substr(from));
        absl::StrAppend(&result, text.substr(from, size));
        from += size;
      } else {
        from = text.size() + 1;
      }
    }
    RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(result.size() - charged)));
    RETURN_IF_ERROR(rendering.budget.Step());
    if (from > text.size()) return result;
  }
  absl::StrAppend(&result, text.substr(from));
  return result;
}

}  // namespace metronome::text::jinja
