#ifndef METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_TEXT_FUNCTIONS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_TEXT_FUNCTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"

namespace metronome::text::jinja {

// What methods and filters on text share.

bool IsLowerText(absl::string_view text);  // Has letters with case, all of them lower.
bool IsUpperText(absl::string_view text);

// Without the characters of `chars` at its ends; None is white space.
absl::StatusOr<Value> StripText(Rendering& rendering, const Value& text, const Value& chars, bool left, bool right);

// Lists of at most `limit` + 1 parts, counted from either end; a negative limit is none.
absl::StatusOr<Value> SplitAtSpace(Rendering& rendering, absl::string_view text, int64_t limit, bool from_right);
absl::StatusOr<Value> SplitAt(Rendering& rendering, absl::string_view text, absl::string_view separator, int64_t limit,
                              bool from_right);

// As str.splitlines.
std::vector<absl::string_view> LinesOf(absl::string_view text, bool keep_ends);

// With `left` and `right` copies of `fill` around it.
absl::StatusOr<Value> PadText(Rendering& rendering, absl::string_view text, int64_t left, int64_t right,
                              absl::string_view fill);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LIBRARY_TEXT_FUNCTIONS_H_
