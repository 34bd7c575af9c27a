#include "runtime/text/jinja/library/methods.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

bool IsOneOf(absl::string_view name, std::initializer_list<absl::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value MethodOf(const Value& self, absl::string_view name, Function::Body body) {
  return Value(std::make_shared<Function>(std::string(name), self.nesting(), std::move(body)));
}

// Whether the sandbox keeps the name back because the method would change the value.
bool Changes(const Value& value, absl::string_view name) {
  if (value.kind() == Kind::kList)
    return IsOneOf(name, {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"});
  return value.is_dict() && IsOneOf(name, {"clear", "pop", "popitem", "setdefault", "update"});
}

// Whether Python's type has a method or attribute of this name, which this library lacks.
bool IsKnown(const Value& value, absl::string_view name) {
  switch (value.kind()) {
    case Kind::kText:
      return IsOneOf(name, {"encode", "format_map", "maketrans", "translate"});
    case Kind::kDict:
      return name == "fromkeys";
    case Kind::kBool:
    case Kind::kInt:
      return IsOneOf(name, {"real", "imag", "numerator", "denominator", "bit_length", "bit_count", "conjugate",
                            "to_bytes", "from_bytes", "as_integer_ratio"});
    case Kind::kFloat:
      return IsOneOf(name, {"real", "imag", "is_integer", "hex", "fromhex", "conjugate", "as_integer_ratio"});
    case Kind::kObject:
      if (value.As<Range>() != nullptr) return IsOneOf(name, {"index", "count"});
      if (value.As<DictView>() != nullptr) return IsOneOf(name, {"isdisjoint", "mapping"});
      return value.As<Iterator>() != nullptr && IsOneOf(name, {"send", "throw", "close"});
    default:
      return false;
  }
}

absl::StatusOr<Value> IndexOf(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("index", std::move(arguments), {"/value", "/start", "/stop"}, 1));
  const auto length = static_cast<int64_t>(self.items().size());
  const auto clamp = [&](int64_t i) { return std::clamp(i < 0 ? i + length : i, int64_t{0}, length); };
  ASSIGN_OR_RETURN(const int64_t start, p.Int(1, 0));
  ASSIGN_OR_RETURN(const int64_t stop, p.Int(2, length));
  for (int64_t i = clamp(start); i < clamp(stop); ++i) {
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, self.items()[static_cast<size_t>(i)], p[0]));
    if (equal) return Value(i);
  }
  return ValueError(absl::StrCat("the value is not in the ", self.TypeName()));
}

absl::StatusOr<Value> CountOf(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("count", std::move(arguments), {"/value"}, 1));
  int64_t count = 0;
  for (const Value& item : self.items()) {
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, item, p[0]));
    count += static_cast<int64_t>(equal);
  }
  return Value(count);
}

absl::StatusOr<Value> Get(Rendering& rendering, const Value& self, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("get", std::move(arguments), {"/key", "/default"}, 1));
  ASSIGN_OR_RETURN(const Value* found, Find(rendering, self.dict(), p[0]));
  return found == nullptr ? p[1] : *found;
}

}  // namespace

Value UnsafeAttribute(const Value& value, absl::string_view name) {
  return NewUndefined(absl::StrCat("access to attribute '", name, "' of '", value.TypeName(), "' object is unsafe."));
}

std::optional<Value> FindSequenceMethod(const Value& value, absl::string_view name) {
  if (value.kind() == Kind::kTuple && value.tuple().is_group) {
    if (name == "grouper") return value.items()[0];
    if (name == "list") return value.items()[1];
  }
  if (name == "index" || name == "count") {
    return MethodOf(value, name, [self = value, body = name == "index" ? IndexOf : CountOf](Rendering& r, Arguments a) {
      return body(r, self, std::move(a));
    });
  }
  if (name == "copy" && value.kind() == Kind::kList) {
    return MethodOf(value, name, [self = value](Rendering& r, Arguments) { return NewList(r, self.items()); });
  }
  return std::nullopt;
}

std::optional<Value> FindDictMethod(const Value& value, absl::string_view name) {
  constexpr absl::string_view kViews[] = {"keys", "values", "items"};
  if (const auto* view = std::find(std::begin(kViews), std::end(kViews), name); view != std::end(kViews)) {
    const auto part = static_cast<DictView::Part>(view - std::begin(kViews));
    return MethodOf(value, name, [self = value, part](Rendering&, Arguments arguments) -> absl::StatusOr<Value> {
      RETURN_IF_ERROR(Parameters::Match("dict method", std::move(arguments), {}, 0).status());
      return Value(std::make_shared<DictView>(self, part));
    });
  }
  if (name == "get") {
    return MethodOf(value, name, [self = value](Rendering& r, Arguments a) { return Get(r, self, std::move(a)); });
  }
  if (name == "copy") {
    return MethodOf(value, name, [self = value](Rendering& r, Arguments) { return NewDict(r, self.dict()); });
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Value>> FindMethod(const Value& value, absl::string_view name) {
  if (Changes(value, name)) return UnsafeAttribute(value, name);
  std::optional<Value> method;
  if (value.is_text()) {
    if (value.text_body().markup && name != "strip" && FindTextMethod(value, name).has_value())
      return absl::UnimplementedError(absl::StrCat("the method '", name, "' of text that is marked safe"));
    method = FindTextMethod(value, name);
  } else if (value.is_sequence()) {
    method = FindSequenceMethod(value, name);
  } else if (value.is_dict()) {
    method = FindDictMethod(value, name);
  }
  if (!method.has_value() && IsKnown(value, name))
    return absl::UnimplementedError(absl::StrCat("the attribute '", name, "' of a ", value.TypeName()));
  return method;
}

}  // namespace metronome::text::jinja
