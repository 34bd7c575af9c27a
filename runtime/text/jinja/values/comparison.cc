#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/text_search.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

// -1, 0 or 1, exact for all 64-bit integers and floats: a long double holds either. Both are numbers, none is NaN.
int Order(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral())
    return left.integer() < right.integer() ? -1 : static_cast<int>(left.integer() > right.integer());
  const auto exact = [](const Value& v) {
    return v.is_float() ? static_cast<long double>(v.number()) : static_cast<long double>(v.integer());
  };
  const long double a = exact(left), b = exact(right);
  return a < b ? -1 : static_cast<int>(a > b);
}

bool IsNan(const Value& value) { return value.is_float() && std::isnan(value.number()); }

absl::StatusOr<bool> EqualItems(Rendering& rendering, const std::vector<Value>& left, const std::vector<Value>& right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, left[i], right[i]));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualDicts(Rendering& rendering, const Dict& left, const Dict& right) {
  if (left.size() != right.size()) return false;
  for (const auto& [key, value] : left.entries()) {
    ASSIGN_OR_RETURN(const Value* other, Find(rendering, right, key));
    if (other == nullptr) return false;
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, value, *other));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualObjects(Rendering& rendering, const Value& left, const Value& right) {
  const auto a = left.As<Range>(), b = right.As<Range>();
  if (a != nullptr && b != nullptr) {
    if (a->size() != b->size()) return false;
    return a->size() == 0 || (a->at(0) == b->at(0) && (a->size() == 1 || a->at(1) == b->at(1)));
  }
  const auto view = left.As<DictView>(), other = right.As<DictView>();
  if (view == nullptr || other == nullptr) return false;
  if (view->part() == DictView::Part::kValues || other->part() == DictView::Part::kValues) return false;
  if (view->dict().dict().size() != other->dict().dict().size()) return false;
  for (size_t i = 0; i < view->dict().dict().size(); ++i) {
    ASSIGN_OR_RETURN(const bool found, Contains(rendering, right, view->at(i)));
    if (!found) return false;
  }
  return true;
}

absl::StatusOr<bool> LessItems(Rendering& rendering, const std::vector<Value>& left, const std::vector<Value>& right) {
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, left[i], right[i]));
    if (!equal) return Less(rendering, left[i], right[i]);
  }
  return left.size() < right.size();
}

absl::Status NotOrdered(absl::string_view op, const Value& left, const Value& right) {
  return TypeError(absl::StrCat("'", op, "' not supported between instances of '", left.TypeName(), "' and '",
                                right.TypeName(), "'"));
}

// left < right; `or_equal` makes it <=. `op` is what the template wrote.
absl::StatusOr<bool> Ordered(Rendering& rendering, absl::string_view op, const Value& left, const Value& right,
                             bool or_equal) {
  const Budget::Level level(rendering.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering.budget.Step());
  if (left.is_undefined()) return UndefinedError(left);
  if (right.is_undefined()) return UndefinedError(right);
  if (left.is_number() && right.is_number()) {
    if (IsNan(left) || IsNan(right)) return false;
    const int order = Order(left, right);
    return order < 0 || (or_equal && order == 0);
  }
  if (left.is_text() && right.is_text()) {
    RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(left.text().size())));
    const int order = left.text().compare(right.text());  // UTF-8 sorts as code points do.
    return order < 0 || (or_equal && order == 0);
  }
  if (left.is_sequence() && left.kind() == right.kind()) {
    ASSIGN_OR_RETURN(const bool less, LessItems(rendering, left.items(), right.items()));
    if (less || !or_equal) return less;
    return EqualItems(rendering, left.items(), right.items());
  }
  return NotOrdered(op, left, right);
}

absl::StatusOr<bool> IsIn(Rendering& rendering, const Value& item, Iterator& iterator) {
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Value> candidate, Next(rendering, iterator));
    if (!candidate.has_value()) return false;
    if (candidate->IsSame(item)) return true;
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, *candidate, item));
    if (equal) return true;
  }
}

}  // namespace

bool IsTrue(const Value& value) {
  switch (value.kind()) {
    case Kind::kNone:
    case Kind::kUndefined:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.number() != 0;
    case Kind::kText:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.items().empty();
    case Kind::kDict:
      return value.dict().size() > 0;
    case Kind::kObject:
      return value.object()->IsTrue();
  }
  return false;
}

absl::StatusOr<bool> Equal(Rendering& rendering, const Value& left, const Value& right) {
  const Budget::Level level(rendering.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering.budget.Step());
  if (left.is_number() && right.is_number()) return !IsNan(left) && !IsNan(right) && Order(left, right) == 0;
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::kText:
      RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(left.text().size())));
      return left.text() == right.text();
    case Kind::kList:
    case Kind::kTuple:
      return EqualItems(rendering, left.items(), right.items());
    case Kind::kDict:
      return EqualDicts(rendering, left.dict(), right.dict());
    case Kind::kObject:
      if (left.object() == right.object()) return true;
      return EqualObjects(rendering, left, right);
    default:
      return true;  // None, and undefined values, are equal to their like.
  }
}

absl::StatusOr<bool> Less(Rendering& rendering, const Value& left, const Value& right) {
  return Ordered(rendering, "<", left, right, /*or_equal=*/false);
}

absl::StatusOr<bool> Contains(Rendering& rendering, const Value& container, const Value& item) {
  if (container.is_text()) {
    if (!item.is_text())
      return TypeError(absl::StrCat("'in <string>' requires string as left operand, not ", item.TypeName()));
    ASSIGN_OR_RETURN(const size_t found, FindText(rendering, container.text(), item.text()));
    return found != absl::string_view::npos;
  }
  if (container.is_dict()) {
    ASSIGN_OR_RETURN(const Value* found, Find(rendering, container.dict(), item));
    return found != nullptr;
  }
  if (const auto view = container.As<DictView>(); view != nullptr && view->part() == DictView::Part::kKeys)
    return Contains(rendering, view->dict(), item);
  if (!IsIterable(container))
    return TypeError(absl::StrCat("argument of type '", container.TypeName(), "' is not iterable"));
  ASSIGN_OR_RETURN(const std::shared_ptr<Iterator> iterator, Iterate(rendering, container));
  return IsIn(rendering, item, *iterator);
}

absl::StatusOr<bool> Compare(Rendering& rendering, Comparison op, const Value& left, const Value& right) {
  absl::StatusOr<bool> result = false;
  switch (op) {
    case Comparison::kEqual:
      return Equal(rendering, left, right);
    case Comparison::kNotEqual:
      result = Equal(rendering, left, right);
      break;
    case Comparison::kLess:
      return Ordered(rendering, "<", left, right, /*or_equal=*/false);
    case Comparison::kLessOrEqual:
      return Ordered(rendering, "<=", left, right, /*or_equal=*/true);
    case Comparison::kGreater:
      return Ordered(rendering, ">", right, left, /*or_equal=*/false);
    case Comparison::kGreaterOrEqual:
      return Ordered(rendering, ">=", right, left, /*or_equal=*/true);
    case Comparison::kIn:
      return Contains(rendering, right, left);
    case Comparison::kNotIn:
      result = Contains(rendering, right, left);
      break;
  }
  if (!result.ok()) return result;
  return !*result;
}

absl::StatusOr<std::string> HashKey(Rendering& rendering, const Value& value) {
  RETURN_IF_ERROR(rendering.budget.Step());
  switch (value.kind()) {
    case Kind::kNone:
      return std::string("N");
    case Kind::kUndefined:
      return std::string("U");
    case Kind::kBool:
    case Kind::kInt:
      return absl::StrCat("i", value.integer());
    case Kind::kFloat: {
      const double number = value.number();
      if (number == std::floor(number) && std::abs(number) < 9e18)
        return absl::StrCat("i", static_cast<int64_t>(number));
      return absl::StrCat("f", FormatFloat(number));
    }
    case Kind::kText:
      RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(value.text().size())));
      return absl::StrCat("s", value.text().size(), ":", value.text());
    case Kind::kTuple: {
      std::string key = absl::StrCat("t", value.items().size(), "(");
      for (const Value& item : value.items()) {
        ASSIGN_OR_RETURN(const std::string part, HashKey(rendering, item));
        RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(part.size())));
        absl::StrAppend(&key, part, ",");
      }
      return key + ")";
    }
    case Kind::kList:
    case Kind::kDict:
      return TypeError(absl::StrCat("unhashable type: '", value.TypeName(), "'"));
    case Kind::kObject:
      if (const auto range = value.As<Range>(); range != nullptr)
        return absl::UnimplementedError("a range as a key of a dict");
      return absl::StrCat("o", absl::Hex(reinterpret_cast<uintptr_t>(value.object().get())));
  }
  return absl::InternalError("a value has no kind");
}

}  // namespace metronome::text::jinja
