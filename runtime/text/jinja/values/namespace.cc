#include "runtime/text/jinja/values/namespace.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/text/text_form.h"

namespace metronome::text::jinja {

absl::Status Namespace::Set(Rendering& rendering, absl::string_view name, Value value) {
  if (absl::StartsWith(name, "_"))
    return SecurityError(
        absl::StrCat("chat templates cannot store underscore-prefixed attributes on a namespace, got '", name, "'"));
  RETURN_IF_ERROR(rendering.budget.Nest(value.nesting() + 1));
  RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(name.size() + 2 * sizeof(Value))));
  attributes_.Set(name, std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Value>> Namespace::Attribute(Rendering&, absl::string_view name) {
  const Value* value = attributes_.Find(name);
  return value == nullptr ? std::nullopt : std::optional<Value>(*value);
}

absl::StatusOr<std::string> Namespace::Repr(Rendering& rendering) {
  if (printing_) return absl::ResourceExhaustedError("a namespace that holds itself is printed");
  printing_ = true;
  std::string text = "<Namespace {";
  absl::Status status;
  for (const auto& [name, value] : attributes_.entries()) {
    if (text.back() != '{') text += ", ";
    status = AppendRepr(rendering, name, text);
    text += ": ";
    if (status.ok()) status = AppendRepr(rendering, value, text);
    if (!status.ok()) break;
  }
  printing_ = false;
  RETURN_IF_ERROR(status);
  return text + "}>";
}

}  // namespace metronome::text::jinja
