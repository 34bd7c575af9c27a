#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_TEXT_FORM_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_TEXT_FORM_H_

#include <string>

#include "absl/status/statusor.h"
#include "runtime/text/jinja/text/rendering.h"

namespace metronome::text::jinja {

// Python's str() and repr(). Each appends to `text`, and counts what it appends.
absl::Status AppendStr(Rendering& rendering, const Value& value, std::string& text);
absl::Status AppendRepr(Rendering& rendering, const Value& value, std::string& text);

absl::StatusOr<std::string> Str(Rendering& rendering, const Value& value);
absl::StatusOr<std::string> Repr(Rendering& rendering, const Value& value);

// The shortest digits that read back as `value`, in Python's layout: 1.0, 1e-05, inf.
std::string FormatFloat(double value);

// With the characters that HTML gives a meaning escaped, as markupsafe does.
std::string EscapeHtml(absl::string_view text);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_TEXT_FORM_H_
