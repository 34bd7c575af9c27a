#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_FORMAT_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_FORMAT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// How a number or text is laid out: Python's format specification.
struct FormatSpec {
  std::string fill = " ";
  char align = 0;  // One of <>^=, or 0: as the type has it.
  char sign = '-';
  bool alternate = false;
  char grouping = 0;  // ',' or '_'.
  int64_t width = 0;
  int64_t precision = -1;  // None.
  char type = 0;
};

// The digits of a number without its sign. `type` is one of d b o x X c n and e E f F g G %; 0 is that of the value.
// Unimplemented for another type.
absl::StatusOr<std::string> FormatMagnitude(const Value& number, const FormatSpec& spec);

// `body` padded to the width; the padding of '=' comes after `sign`.
absl::StatusOr<std::string> Padded(Rendering& rendering, absl::string_view sign, absl::string_view body,
                                   const FormatSpec& spec);

// str.format: "{} {0} {name!r:>8}".
absl::StatusOr<Value> FormatBraces(Rendering& rendering, absl::string_view format, const Arguments& arguments);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_FORMAT_H_
