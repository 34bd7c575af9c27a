#ifndef METRONOME_RUNTIME_TEXT_JINJA_TEXT_RENDERING_H_
#define METRONOME_RUNTIME_TEXT_JINJA_TEXT_RENDERING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/text/jinja/values/budget.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

class Scope;
class Namespace;

// The state of one rendering, which everything that makes values or fails needs. Not thread-safe.
struct Rendering {
  explicit Rendering(const Limits& limits) : budget(limits) {}
  ~Rendering();
  Rendering(const Rendering&) = delete;
  Rendering& operator=(const Rendering&) = delete;

  Budget budget;
  absl::Time now;
  absl::TimeZone time_zone;
  int line = 0;         // Of the template, of what was evaluated last.
  bool raised = false;  // The template itself gave up; its message stands as it is.
  // What may hold itself: emptied at the end, so that it is freed.
  std::vector<std::shared_ptr<Scope>> captured_scopes;
  std::vector<std::shared_ptr<Namespace>> namespaces;
};

// Makers of values, counted against the budget.
absl::StatusOr<Value> NewText(Rendering& rendering, std::string text, bool markup = false);
absl::StatusOr<Value> NewList(Rendering& rendering, std::vector<Value> items);
absl::StatusOr<Value> NewTuple(Rendering& rendering, std::vector<Value> items, bool is_group = false);
absl::StatusOr<Value> NewDict(Rendering& rendering, Dict dict);
Value NewUndefined(std::string message);

// The errors of Python that a template runs into; the gRPC code is InvalidArgument for each.
absl::Status TypeError(absl::string_view message);
absl::Status ValueError(absl::string_view message);
absl::Status UndefinedError(const Value& undefined);
// The sandbox of Jinja raises it.
absl::Status SecurityError(absl::string_view message);
// What Python's integers could do and ours cannot.
absl::Status TooLarge();

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_TEXT_RENDERING_H_
