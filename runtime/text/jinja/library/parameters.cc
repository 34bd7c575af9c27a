#include "runtime/text/jinja/library/parameters.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {

absl::StatusOr<Parameters> Parameters::Match(absl::string_view function, Arguments arguments,
                                             std::initializer_list<absl::string_view> names, size_t required) {
  Parameters parameters;
  parameters.function_ = std::string(function);
  if (arguments.positional.size() > names.size()) {
    return TypeError(absl::StrCat(function, "() takes at most ", names.size(), " arguments (",
                                  arguments.positional.size(), " given)"));
  }
  for (Value& value : arguments.positional) parameters.values_.emplace_back(std::move(value));
  parameters.values_.resize(names.size());
  for (auto& [name, value] : arguments.named) {
    size_t i = 0;
    for (; i < names.size() && names.begin()[i] != name; ++i) continue;
    if (i == names.size())
      return TypeError(absl::StrCat(function, "() got an unexpected keyword argument '", name, "'"));
    if (parameters.has(i)) return TypeError(absl::StrCat(function, "() got multiple values for argument '", name, "'"));
    parameters.values_[i] = std::move(value);
  }
  for (size_t i = 0; i < required; ++i) {
    if (!parameters.has(i)) {
      return TypeError(
          absl::StrCat(function, "() missing required argument: '", absl::StripPrefix(names.begin()[i], "/"), "'"));
    }
  }
  return parameters;
}

const Value& Parameters::operator[](size_t i) const {
  static const Value* const kNone = new Value;
  return has(i) ? *values_[i] : *kNone;
}

absl::StatusOr<int64_t> Parameters::Int(size_t i, int64_t missing) const {
  if (!has(i)) return missing;
  const Value& value = *values_[i];
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_integral()) return value.integer();
  return TypeError(absl::StrCat(function_, "(): '", value.TypeName(), "' object cannot be interpreted as an integer"));
}

absl::StatusOr<std::string> Parameters::Text(size_t i, absl::string_view missing) const {
  if (!has(i)) return std::string(missing);
  const Value& value = *values_[i];
  if (!value.is_text()) return TypeError(absl::StrCat(function_, "() argument must be str, not ", value.TypeName()));
  return std::string(value.text());
}

bool Parameters::True(size_t i, bool missing) const { return has(i) ? IsTrue(*values_[i]) : missing; }

}  // namespace metronome::text::jinja
