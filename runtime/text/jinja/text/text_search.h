#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_TEXT_SEARCH_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_TEXT_SEARCH_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"

namespace metronome::text::jinja {

// The byte offset of the first (last) occurrence; npos if there is none. Counts the bytes it scans as steps.
absl::StatusOr<size_t> FindText(Rendering& rendering, absl::string_view text, absl::string_view part, size_t from = 0);
absl::StatusOr<size_t> FindLastText(Rendering& rendering, absl::string_view text, absl::string_view part);

// With the first `count` occurrences replaced, all if it is negative.
absl::StatusOr<std::string> ReplaceText(Rendering& rendering, absl::string_view text, absl::string_view old,
                                        absl::string_view replacement, int64_t count);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_TEXT_SEARCH_H_
