#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_OPERATORS_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_OPERATORS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// Python's operators and protocols on values. InvalidArgument where Python raises.

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn, kNotIn };

absl::StatusOr<Value> Calculate(Rendering& rendering, BinaryOperator op, const Value& left, const Value& right);
absl::StatusOr<Value> Negate(const Value& value);
absl::StatusOr<Value> Plus(const Value& value);

bool IsTrue(const Value& value);
absl::StatusOr<bool> Equal(Rendering& rendering, const Value& left, const Value& right);
absl::StatusOr<bool> Less(Rendering& rendering, const Value& left, const Value& right);
absl::StatusOr<bool> Compare(Rendering& rendering, Comparison op, const Value& left, const Value& right);
absl::StatusOr<bool> Contains(Rendering& rendering, const Value& container, const Value& item);

// What a dict finds a key by: equal for equal keys. TypeError for lists and dicts.
absl::StatusOr<std::string> HashKey(Rendering& rendering, const Value& value);
absl::StatusOr<const Value*> Find(Rendering& rendering, const Dict& dict, const Value& key);
absl::Status SetItem(Rendering& rendering, Dict& dict, const Value& key, Value value);

// len(). TypeError where there is none.
absl::StatusOr<int64_t> Length(Rendering& rendering, const Value& value);
absl::StatusOr<std::shared_ptr<Iterator>> Iterate(Rendering& rendering, const Value& value);
bool IsIterable(const Value& value);
// The next item, counted as a step.
absl::StatusOr<std::optional<Value>> Next(Rendering& rendering, Iterator& iterator);
absl::StatusOr<std::vector<Value>> Collect(Rendering& rendering, const Value& value);
// iter(reversed()): nullptr where Python cannot.
absl::StatusOr<std::shared_ptr<Iterator>> IterateReversed(Rendering& rendering, const Value& value);

// value[key] and value.name as the sandbox has them: undefined where there is none.
absl::StatusOr<Value> Item(Rendering& rendering, const Value& value, const Value& key);
absl::StatusOr<Value> Attribute(Rendering& rendering, const Value& value, absl::string_view name);
// value[start:stop:step]; None for what is left out.
absl::StatusOr<Value> Slice(Rendering& rendering, const Value& value, const Value& start, const Value& stop,
                            const Value& step);
// The part of a text from one code point to another.
absl::string_view TextSlice(const TextBody& text, int64_t begin, int64_t end);

absl::StatusOr<Value> Call(Rendering& rendering, const Value& callee, Arguments arguments);

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_OPERATORS_H_
