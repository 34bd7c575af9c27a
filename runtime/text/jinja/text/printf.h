#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_PRINTF_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_PRINTF_H_

#include "absl/status/statusor.h"
#include "runtime/text/jinja/text/rendering.h"

namespace metronome::text::jinja {

// format % arguments, where the arguments are a tuple, a dict for %(name)s, or one value.
absl::StatusOr<Value> FormatPercent(Rendering& rendering, const Value& format, const Value& arguments);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_PRINTF_H_
