#include "runtime/text/jinja/library/value_tests.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/filters.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/library/text_functions.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

using Test = absl::StatusOr<bool> (*)(Rendering&, const Value&, Arguments);

// A test without arguments that always has an answer.
template <bool (*kIs)(const Value&)>
absl::StatusOr<bool> Simple(Rendering&, const Value& value, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("test", std::move(arguments), {}, 0).status());
  return kIs(value);
}

bool IsDefined(const Value& v) { return !v.is_undefined(); }
bool IsUndefined(const Value& v) { return v.is_undefined(); }
bool IsNone(const Value& v) { return v.is_none(); }
bool IsBoolean(const Value& v) { return v.is_bool(); }
bool IsFalse(const Value& v) { return v.is_bool() && !v.boolean(); }
bool IsTrueItself(const Value& v) { return v.is_bool() && v.boolean(); }
bool IsInteger(const Value& v) { return v.kind() == Kind::kInt; }
bool IsFloat(const Value& v) { return v.is_float(); }
bool IsString(const Value& v) { return v.is_text(); }
bool IsMapping(const Value& v) { return v.is_dict(); }
bool IsNumber(const Value& v) { return v.is_number(); }
bool IsEscaped(const Value& v) { return v.is_text() && v.text_body().markup; }
bool IsCallable(const Value& v) { return v.is_undefined() || (v.kind() == Kind::kObject && v.object()->IsCallable()); }
// Python asks for len() and item access.
bool IsSequence(const Value& v) {
  return v.is_text() || v.is_sequence() || v.is_dict() || v.is_undefined() || v.As<Range>() != nullptr;
}

absl::StatusOr<bool> RemainderIs(Rendering& rendering, const Value& value, const Value& divisor, int64_t remainder) {
  ASSIGN_OR_RETURN(const Value rest, Calculate(rendering, BinaryOperator::kModulo, value, divisor));
  return Equal(rendering, rest, Value(remainder));
}

template <int kRemainder>
absl::StatusOr<bool> Parity(Rendering& rendering, const Value& value, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("test", std::move(arguments), {}, 0).status());
  return RemainderIs(rendering, value, Value(int64_t{2}), kRemainder);
}

absl::StatusOr<bool> DivisibleBy(Rendering& rendering, const Value& value, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("divisibleby", std::move(arguments), {"num"}, 1));
  return RemainderIs(rendering, value, p[0], 0);
}

template <bool kLower>
absl::StatusOr<bool> HasCase(Rendering& rendering, const Value& value, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("test", std::move(arguments), {}, 0).status());
  ASSIGN_OR_RETURN(const std::string text, Str(rendering, value));
  return kLower ? IsLowerText(text) : IsUpperText(text);
}

template <Comparison kComparison>
absl::StatusOr<bool> Compares(Rendering& rendering, const Value& value, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("test", std::move(arguments), {"other"}, 1));
  return Compare(rendering, kComparison, value, p[0]);
}

absl::StatusOr<bool> SameAs(Rendering&, const Value& value, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("sameas", std::move(arguments), {"other"}, 1));
  return value.IsSame(p[0]);
}

template <bool (*kIs)(absl::string_view)>
absl::StatusOr<bool> Names(Rendering&, const Value& value, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("test", std::move(arguments), {}, 0).status());
  return value.is_text() && kIs(value.text());
}

using TestTable = absl::flat_hash_map<absl::string_view, Test>;

const TestTable& Tests() {
  static const auto* const tests = new TestTable{
      {"boolean", Simple<IsBoolean>},
      {"callable", Simple<IsCallable>},
      {"defined", Simple<IsDefined>},
      {"divisibleby", DivisibleBy},
      {"escaped", Simple<IsEscaped>},
      {"even", Parity<0>},
      {"false", Simple<IsFalse>},
      {"filter", Names<IsFilter>},
      {"float", Simple<IsFloat>},
      {"in", Compares<Comparison::kIn>},
      {"integer", Simple<IsInteger>},
      {"iterable", Simple<IsIterable>},
      {"lower", HasCase<true>},
      {"mapping", Simple<IsMapping>},
      {"none", Simple<IsNone>},
      {"number", Simple<IsNumber>},
      {"odd", Parity<1>},
      {"sameas", SameAs},
      {"sequence", Simple<IsSequence>},
      {"string", Simple<IsString>},
      {"test", Names<IsTest>},
      {"true", Simple<IsTrueItself>},
      {"undefined", Simple<IsUndefined>},
      {"upper", HasCase<false>},
      {"==", Compares<Comparison::kEqual>},
      {"eq", Compares<Comparison::kEqual>},
      {"equalto", Compares<Comparison::kEqual>},
      {"!=", Compares<Comparison::kNotEqual>},
      {"ne", Compares<Comparison::kNotEqual>},
      {">", Compares<Comparison::kGreater>},
      {"gt", Compares<Comparison::kGreater>},
      {"greaterthan", Compares<Comparison::kGreater>},
      {">=", Compares<Comparison::kGreaterOrEqual>},
      {"ge", Compares<Comparison::kGreaterOrEqual>},
      {"<", Compares<Comparison::kLess>},
      {"lt", Compares<Comparison::kLess>},
      {"lessthan", Compares<Comparison::kLess>},
      {"<=", Compares<Comparison::kLessOrEqual>},
      {"le", Compares<Comparison::kLessOrEqual>},
  };
  return *tests;
}

}  // namespace

bool IsTest(absl::string_view name) { return Tests().contains(name); }

absl::StatusOr<bool> ApplyTest(Rendering& rendering, absl::string_view name, const Value& value, Arguments arguments) {
  RETURN_IF_ERROR(rendering.budget.Step());
  const auto found = Tests().find(name);
  if (found == Tests().end()) return absl::InvalidArgumentError(absl::StrCat("No test named '", name, "'."));
  return found->second(rendering, value, std::move(arguments));
}

}  // namespace metronome::text::jinja
