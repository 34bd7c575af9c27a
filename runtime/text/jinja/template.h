#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEMPLATE_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEMPLATE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/text/jinja/values/budget.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

// What strftime_now sees, and what a rendering may use.
struct RenderOptions {
  absl::Time now = absl::UnixEpoch();
  absl::TimeZone time_zone = absl::UTCTimeZone();
  Limits limits;
};

// A Jinja template as HuggingFace's chat templates have it: an immutable sandbox with trim_blocks and lstrip_blocks. It
// reaches nothing but the variables it is given. Immutable and thread-safe.
class Template {
 public:
  // InvalidArgument for a syntax error, with its line; see ParseTemplate. The text must be UTF-8.
  static absl::StatusOr<std::unique_ptr<Template>> Parse(absl::string_view source);
  ~Template();

  // The template's output. InvalidArgument where Jinja raises an error (the template's own message after
  // raise_exception, else with the line), Unimplemented for what this interpreter lacks, by name, ResourceExhausted
  // past a limit.
  absl::StatusOr<std::string> Render(const Dict& variables, const RenderOptions& options) const;

 private:
  struct Parsed;
  explicit Template(std::unique_ptr<Parsed> parsed);

  std::unique_ptr<Parsed> parsed_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEMPLATE_H_
