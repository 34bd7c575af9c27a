// How values are iterated, indexed, sliced and called.
#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/methods.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/namespace.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

absl::StatusOr<std::shared_ptr<Iterator>> IterateText(Value text) {
  return IterateWith(0,
                     [text, offset = size_t{0}](Rendering& rendering) mutable -> absl::StatusOr<std::optional<Value>> {
                       if (offset == text.text().size()) return std::nullopt;
                       const size_t from = offset;
                       NextCodePoint(text.text(), offset);
                       return NewText(rendering, std::string(text.text().substr(from, offset - from)));
                     });
}

// Where a position counted from either end lies; nullopt outside.
std::optional<int64_t> Position(int64_t index, int64_t length) {
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return index;
}

absl::StatusOr<std::optional<Value>> ItemAt(Rendering& rendering, const Value& value, int64_t index) {
  if (value.is_sequence()) {
    const auto position = Position(index, static_cast<int64_t>(value.items().size()));
    return position.has_value() ? std::optional<Value>(value.items()[static_cast<size_t>(*position)]) : std::nullopt;
  }
  if (value.is_text()) {
    const TextBody& text = value.text_body();
    const auto position = Position(index, text.length);
    if (!position.has_value()) return std::nullopt;
    RETURN_IF_ERROR(rendering.budget.Scan(text.is_ascii() ? 1 : static_cast<int64_t>(text.bytes.size())));
    ASSIGN_OR_RETURN(Value item,
                     NewText(rendering, std::string(TextSlice(text, *position, *position + 1)), text.markup));
    return item;
  }
  if (const auto range = value.As<Range>(); range != nullptr) {
    const auto position = Position(index, range->size());
    return position.has_value() ? std::optional<Value>(Value(range->at(*position))) : std::nullopt;
  }
  return std::nullopt;
}

// value[key] where Python has it.
absl::StatusOr<std::optional<Value>> Subscript(Rendering& rendering, const Value& value, const Value& key) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_dict()) {
    if (key.kind() == Kind::kList || key.is_dict()) return std::nullopt;  // Unhashable: as if it were not there.
    ASSIGN_OR_RETURN(const Value* found, Find(rendering, value.dict(), key));
    return found == nullptr ? std::nullopt : std::optional<Value>(*found);
  }
  return key.is_integral() ? ItemAt(rendering, value, key.integer()) : std::nullopt;
}

absl::StatusOr<std::optional<Value>> AttributeOf(Rendering& rendering, const Value& value, absl::string_view name) {
  const bool dunder = name.size() > 4 && absl::StartsWith(name, "__") && absl::EndsWith(name, "__");
  if (value.is_undefined()) {
    if (dunder) return std::nullopt;
    return UndefinedError(value);
  }
  // Python has such attributes on everything; the sandbox hands out none of them.
  if (dunder) return UnsafeAttribute(value, name);
  if (value.kind() == Kind::kObject) {
    ASSIGN_OR_RETURN(std::optional<Value> found, value.object()->Attribute(rendering, name));
    if (found.has_value() || value.As<Namespace>() != nullptr) return found;
  }
  return FindMethod(value, name);
}

Value Missing(const Value& value, const Value& key, absl::string_view key_repr) {
  if (key.is_text()) return NewUndefined(absl::StrCat("'", value.TypeDescription(), "' has no attribute ", key_repr));
  return NewUndefined(absl::StrCat(value.TypeDescription(), " has no element ", key_repr));
}

struct Bounds {
  int64_t start, stop, step;
};

absl::StatusOr<int64_t> SliceIndex(const Value& value) {
  if (value.is_integral()) return value.integer();
  return TypeError("slice indices must be integers or None or have an __index__ method");
}

// As slice.indices: where the slice of a sequence of `length` items begins and ends.
absl::StatusOr<Bounds> SliceBounds(const Value& start, const Value& stop, const Value& step, int64_t length) {
  Bounds bounds{0, 0, 1};
  if (!step.is_none()) {
    ASSIGN_OR_RETURN(bounds.step, SliceIndex(step));
  }
  if (bounds.step == 0) return ValueError("slice step cannot be zero");
  bounds.step = std::clamp(bounds.step, -std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::max());
  const bool backwards = bounds.step < 0;
  const int64_t low = backwards ? -1 : 0, high = backwards ? length - 1 : length;
  const auto clamp = [&](int64_t index) { return std::clamp(index < 0 ? index + length : index, low, high); };
  bounds.start = backwards ? high : low;
  bounds.stop = backwards ? low : high;
  if (!start.is_none()) {
    ASSIGN_OR_RETURN(const int64_t index, SliceIndex(start));
    bounds.start = clamp(index);
  }
  if (!stop.is_none()) {
    ASSIGN_OR_RETURN(const int64_t index, SliceIndex(stop));
    bounds.stop = clamp(index);
  }
  return bounds;
}

std::vector<int64_t> SlicePositions(const Bounds& bounds) {
  std::vector<int64_t> positions;
  const Range range(bounds.start, bounds.stop, bounds.step);
  for (int64_t i = 0; i < range.size(); ++i) positions.push_back(range.at(i));
  return positions;
}

absl::StatusOr<Value> SliceText(Rendering& rendering, const TextBody& text, const Bounds& bounds) {
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(text.bytes.size())));
  if (bounds.step == 1) {
    const absl::string_view part =
        bounds.start < bounds.stop ? TextSlice(text, bounds.start, bounds.stop) : absl::string_view();
    return NewText(rendering, std::string(part), text.markup);
  }
  RETURN_IF_ERROR(rendering.budget.Allocate(text.length * static_cast<int64_t>(sizeof(size_t))));
  std::vector<size_t> offsets;
  for (size_t offset = 0; offset < text.bytes.size(); NextCodePoint(text.bytes, offset)) offsets.push_back(offset);
  offsets.push_back(text.bytes.size());
  std::string part;
  for (const int64_t position : SlicePositions(bounds)) {
    const auto i = static_cast<size_t>(position);
    part.append(text.bytes, offsets[i], offsets[i + 1] - offsets[i]);
  }
  return NewText(rendering, std::move(part), text.markup);
}

}  // namespace

absl::string_view TextSlice(const TextBody& text, int64_t begin, int64_t end) {
  const absl::string_view bytes = text.bytes;
  if (text.is_ascii()) return bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  const size_t from = ByteOffset(bytes, begin);
  return bytes.substr(from, ByteOffset(bytes.substr(from), end - begin));
}

absl::StatusOr<const Value*> Find(Rendering& rendering, const Dict& dict, const Value& key) {
  if (key.is_text()) return dict.Find(key.text());
  ASSIGN_OR_RETURN(const std::string hash_key, HashKey(rendering, key));
  return dict.FindHashed(hash_key);
}

absl::Status SetItem(Rendering& rendering, Dict& dict, const Value& key, Value value) {
  if (key.is_text()) {
    dict.Set(key.text(), std::move(value));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string hash_key, HashKey(rendering, key));
  dict.SetHashed(hash_key, key, std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Length(Rendering& rendering, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kText:
      return value.text_body().length;
    case Kind::kList:
    case Kind::kTuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::kDict:
      return static_cast<int64_t>(value.dict().size());
    case Kind::kObject: {
      ASSIGN_OR_RETURN(const std::optional<int64_t> length, value.object()->Length(rendering));
      if (length.has_value()) return *length;
      break;
    }
    default:
      break;
  }
  return TypeError(absl::StrCat("object of type '", value.TypeName(), "' has no len()"));
}

bool IsIterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kText:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
      return true;
    case Kind::kObject:
      return value.object()->Iterate() != nullptr;
    default:
      return false;
  }
}

absl::StatusOr<std::shared_ptr<Iterator>> Iterate(Rendering& rendering, const Value& value) {
  RETURN_IF_ERROR(rendering.budget.Step());
  switch (value.kind()) {
    case Kind::kUndefined:
      return IterateWith(0, [](Rendering&) -> absl::StatusOr<std::optional<Value>> { return std::nullopt; });
    case Kind::kText:
      return IterateText(value);
    case Kind::kList:
    case Kind::kTuple:
      return IterateItems(value);
    case Kind::kDict:
      return std::make_shared<DictView>(value, DictView::Part::kKeys)->Iterate();
    case Kind::kObject:
      if (std::shared_ptr<Iterator> iterator = value.object()->Iterate(); iterator != nullptr) return iterator;
      break;
    default:
      break;
  }
  return TypeError(absl::StrCat("'", value.TypeName(), "' object is not iterable"));
}

absl::StatusOr<std::optional<Value>> Next(Rendering& rendering, Iterator& iterator) {
  const Budget::Level level(rendering.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering.budget.Step());
  return iterator.Next(rendering);
}

absl::StatusOr<std::vector<Value>> Collect(Rendering& rendering, const Value& value) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Iterator> iterator, Iterate(rendering, value));
  std::vector<Value> items;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<Value> item, Next(rendering, *iterator));
    if (!item.has_value()) return items;
    RETURN_IF_ERROR(rendering.budget.Allocate(sizeof(Value)));
    items.push_back(*std::move(item));
  }
}

absl::StatusOr<std::shared_ptr<Iterator>> IterateReversed(Rendering& rendering, const Value& value) {
  if (value.is_sequence()) return IterateItems(value, /*reversed=*/true);
  const bool reversible = value.is_text() || value.is_dict() || value.is_undefined() || value.As<Range>() != nullptr ||
                          value.As<DictView>() != nullptr;
  if (!reversible) return std::shared_ptr<Iterator>();
  ASSIGN_OR_RETURN(std::vector<Value> items, Collect(rendering, value));
  ASSIGN_OR_RETURN(Value list, NewList(rendering, std::move(items)));
  return IterateItems(std::move(list), /*reversed=*/true);
}

absl::StatusOr<Value> Item(Rendering& rendering, const Value& value, const Value& key) {
  ASSIGN_OR_RETURN(std::optional<Value> item, Subscript(rendering, value, key));
  if (item.has_value()) return *std::move(item);
  if (key.is_text()) {
    ASSIGN_OR_RETURN(std::optional<Value> attribute, AttributeOf(rendering, value, key.text()));
    if (attribute.has_value()) {
      if (absl::StartsWith(key.text(), "_")) return UnsafeAttribute(value, key.text());
      return *std::move(attribute);
    }
  }
  ASSIGN_OR_RETURN(const std::string repr, Repr(rendering, key));
  return Missing(value, key, repr);
}

absl::StatusOr<Value> Attribute(Rendering& rendering, const Value& value, absl::string_view name) {
  ASSIGN_OR_RETURN(std::optional<Value> attribute, AttributeOf(rendering, value, name));
  if (attribute.has_value()) {
    if (absl::StartsWith(name, "_")) return UnsafeAttribute(value, name);
    return *std::move(attribute);
  }
  const Value key = Value::Text(std::string(name));
  ASSIGN_OR_RETURN(std::optional<Value> item, Subscript(rendering, value, key));
  if (item.has_value()) return *std::move(item);
  return Missing(value, key, absl::StrCat("'", name, "'"));
}

absl::StatusOr<Value> Slice(Rendering& rendering, const Value& value, const Value& start, const Value& stop,
                            const Value& step) {
  if (value.is_undefined()) return UndefinedError(value);
  const auto range = value.As<Range>();
  if (!value.is_text() && !value.is_sequence() && range == nullptr) {
    return TypeError(value.is_dict() ? "unhashable type: 'slice'"
                                     : absl::StrCat("'", value.TypeName(), "' object is not subscriptable"));
  }
  ASSIGN_OR_RETURN(const int64_t length, Length(rendering, value));
  ASSIGN_OR_RETURN(const Bounds bounds, SliceBounds(start, stop, step, length));
  if (value.is_text()) return SliceText(rendering, value.text_body(), bounds);
  if (range != nullptr) {
    const int64_t unit = range->size() > 1 ? range->at(1) - range->at(0) : 1;
    int64_t stride = 0;
    if (__builtin_mul_overflow(unit, bounds.step, &stride)) return TooLarge();
    return Value(std::make_shared<Range>(range->at(bounds.start), range->at(bounds.stop), stride));
  }
  RETURN_IF_ERROR(rendering.budget.Step(length));
  std::vector<Value> items;
  for (const int64_t position : SlicePositions(bounds)) items.push_back(value.items()[static_cast<size_t>(position)]);
  if (value.kind() == Kind::kTuple) return NewTuple(rendering, std::move(items));
  return NewList(rendering, std::move(items));
}

absl::StatusOr<Value> Call(Rendering& rendering, const Value& callee, Arguments arguments) {
  const Budget::Level level(rendering.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering.budget.Step());
  if (callee.is_undefined()) return UndefinedError(callee);
  if (callee.kind() != Kind::kObject)
    return TypeError(absl::StrCat("'", callee.TypeName(), "' object is not callable"));
  return callee.object()->Call(rendering, std::move(arguments));
}

}  // namespace metronome::text::jinja
