#include "runtime/text/jinja/macro.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

std::string NameOf(const Statement& macro) {
  return macro.kind == StatementKind::kMacro ? absl::StrCat("'", macro.text, "'") : "None";
}

// What is passed beyond the parameters, which the body may ask for by name.
absl::Status BindExtras(Rendering& rendering, const Statement& macro, Arguments arguments, Scope& scope) {
  const Signature& signature = macro.signature;
  const bool names_caller =
      std::find(signature.names.begin(), signature.names.end(), "caller") != signature.names.end();
  if (signature.uses_caller && !names_caller) {
    const std::optional<Value> caller = arguments.Take("caller");
    const bool given = caller.has_value() && !caller->is_none();
    scope.Set("caller", given ? *caller : NewUndefined("No caller defined"));
  }
  if (signature.uses_kwargs) {
    Dict named;
    for (auto& [name, value] : arguments.named) named.Set(name, std::move(value));
    ASSIGN_OR_RETURN(Value kwargs, NewDict(rendering, std::move(named)));
    scope.Set("kwargs", std::move(kwargs));
  } else if (arguments.Named("caller") != nullptr) {
    return TypeError(absl::StrCat("macro ", NameOf(macro),
                                  " was invoked with two values for the special caller "
                                  "argument. This is most likely a bug."));
  } else if (!arguments.named.empty()) {
    return TypeError(
        absl::StrCat("macro ", NameOf(macro), " takes no keyword argument '", arguments.named[0].first, "'"));
  }
  if (signature.uses_varargs) {
    ASSIGN_OR_RETURN(Value varargs, NewTuple(rendering, std::move(arguments.positional)));
    scope.Set("varargs", std::move(varargs));
  } else if (!arguments.positional.empty()) {
    return TypeError(
        absl::StrCat("macro ", NameOf(macro), " takes not more than ", signature.names.size(), " argument(s)"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Value>> Macro::Attribute(Rendering&, absl::string_view name) {
  if (name == "name") return definition_.kind == StatementKind::kMacro ? Value::Text(definition_.text) : Value();
  if (name == "caller") return Value(definition_.signature.uses_caller);
  if (name == "catch_kwargs") return Value(definition_.signature.uses_kwargs);
  if (name == "catch_varargs") return Value(definition_.signature.uses_varargs);
  return std::nullopt;
}

absl::StatusOr<Value> Macro::Call(Rendering&, Arguments arguments) {
  return evaluator_.RunMacro(definition_, scope_, std::move(arguments));
}

absl::StatusOr<std::string> Macro::Repr(Rendering&) {
  return definition_.kind == StatementKind::kMacro ? absl::StrCat("<Macro ", NameOf(definition_), ">")
                                                   : "<Macro anonymous>";
}

absl::StatusOr<Value> Evaluator::RunMacro(const Statement& macro, const ScopePtr& defined_in, Arguments arguments) {
  const Signature& signature = macro.signature;
  const auto scope = std::make_shared<Scope>(defined_in);
  std::vector<std::optional<Value>> values(signature.names.size());
  const size_t positional = std::min(arguments.positional.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    // A parameter hides outer variables of its name even before it has a value.
    scope->Declare(signature.names[i]);
    values[i] = i < positional ? std::move(arguments.positional[i]) : arguments.Take(signature.names[i]);
  }
  arguments.positional.erase(arguments.positional.begin(),
                             arguments.positional.begin() + static_cast<int64_t>(positional));
  RETURN_IF_ERROR(BindExtras(rendering_, macro, std::move(arguments), *scope));
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].has_value()) scope->Set(signature.names[i], *values[i]);
  const size_t first_default = values.size() - signature.defaults.size();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].has_value()) continue;
    Value value = NewUndefined(absl::StrCat("parameter '", signature.names[i], "' was not provided"));
    if (i >= first_default) {
      ASSIGN_OR_RETURN(value, Evaluate(*signature.defaults[i - first_default], scope));
    }
    scope->Set(signature.names[i], std::move(value));
  }
  std::string text;
  RETURN_IF_ERROR(Run(macro.body, scope, text).status());
  return NewText(rendering_, std::move(text));
}

}  // namespace metronome::text::jinja
