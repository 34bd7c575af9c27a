#include "runtime/text/jinja/text/rendering.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/namespace.h"
#include "runtime/text/jinja/values/scope.h"

namespace metronome::text::jinja {
namespace {

int NestingOf(const std::vector<Value>& items) {
  int nesting = 0;
  for (const Value& item : items) nesting = std::max(nesting, item.nesting());
  return nesting + 1;
}

}  // namespace

Rendering::~Rendering() {
  for (const auto& scope : captured_scopes) scope->Clear();
  for (const auto& held : namespaces) held->Clear();
}

absl::StatusOr<Value> NewText(Rendering& rendering, std::string text, bool markup) {
  RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(text.size() + sizeof(TextBody))));
  auto body = std::make_shared<TextBody>();
  body->length = CodePointCount(text);
  body->bytes = std::move(text);
  body->markup = markup;
  return Value(std::shared_ptr<const TextBody>(std::move(body)));
}

absl::StatusOr<Value> NewList(Rendering& rendering, std::vector<Value> items) {
  RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(items.size() * sizeof(Value) + sizeof(ListBody))));
  auto body = std::make_shared<ListBody>();
  body->nesting = NestingOf(items);
  RETURN_IF_ERROR(rendering.budget.Nest(body->nesting));
  body->items = std::move(items);
  return Value(std::shared_ptr<const ListBody>(std::move(body)));
}

absl::StatusOr<Value> NewTuple(Rendering& rendering, std::vector<Value> items, bool is_group) {
  RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(items.size() * sizeof(Value) + sizeof(TupleBody))));
  auto body = std::make_shared<TupleBody>();
  body->nesting = NestingOf(items);
  RETURN_IF_ERROR(rendering.budget.Nest(body->nesting));
  body->items = std::move(items);
  body->is_group = is_group;
  return Value(std::shared_ptr<const TupleBody>(std::move(body)));
}

absl::StatusOr<Value> NewDict(Rendering& rendering, Dict dict) {
  constexpr int64_t kEntryBytes = 2 * sizeof(Value) + 64;  // The hash index has the key's text again.
  RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(dict.size()) * kEntryBytes + 128));
  RETURN_IF_ERROR(rendering.budget.Nest(dict.nesting()));
  return Value(std::shared_ptr<const Dict>(std::make_shared<Dict>(std::move(dict))));
}

Value NewUndefined(std::string message) {
  return Value(
      std::shared_ptr<const UndefinedBody>(std::make_shared<UndefinedBody>(UndefinedBody{std::move(message)})));
}

absl::Status TypeError(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status ValueError(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status UndefinedError(const Value& undefined) {
  return absl::InvalidArgumentError(undefined.undefined().message);
}

absl::Status SecurityError(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status TooLarge() { return absl::UnimplementedError("integers beyond 64 bits"); }

}  // namespace metronome::text::jinja
