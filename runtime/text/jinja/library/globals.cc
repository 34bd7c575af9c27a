#include "runtime/text/jinja/library/globals.h"

#include <ctime>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/values/namespace.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

using Body = absl::StatusOr<Value> (*)(Rendering&, Arguments);

absl::StatusOr<Value> NewRange(Rendering&, Arguments arguments) {
  const size_t given = arguments.positional.size();
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("range", std::move(arguments), {"/start", "/stop", "/step"}, 1));
  ASSIGN_OR_RETURN(int64_t start, p.Int(0, 0));
  ASSIGN_OR_RETURN(int64_t stop, p.Int(1, 0));
  ASSIGN_OR_RETURN(const int64_t step, p.Int(2, 1));
  if (given == 1) stop = std::exchange(start, 0);
  if (step == 0) return ValueError("range() arg 3 must not be zero");
  auto range = std::make_shared<Range>(start, stop, step);
  constexpr int64_t kMaxRange = 100000;
  if (range->size() > kMaxRange) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Range too big. The sandbox blocks ranges larger than MAX_RANGE (", kMaxRange, ")."));
  }
  return Value(std::static_pointer_cast<Object>(std::move(range)));
}

// What dict(mapping or pairs, **named) holds.
absl::StatusOr<Dict> DictOf(Rendering& rendering, Arguments arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) return TypeError("dict expected at most 1 argument");
  for (const Value& source : arguments.positional) {
    if (source.is_dict()) {
      RETURN_IF_ERROR(rendering.budget.Step(static_cast<int64_t>(source.dict().size())));
      dict = source.dict();
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<Value> pairs, Collect(rendering, source));
    for (const Value& pair : pairs) {
      ASSIGN_OR_RETURN(const std::vector<Value> entry, Collect(rendering, pair));
      if (entry.size() != 2) return ValueError("dictionary update sequence element has not length 2");
      RETURN_IF_ERROR(SetItem(rendering, dict, entry[0], entry[1]));
    }
  }
  for (auto& [name, value] : arguments.named) dict.Set(name, std::move(value));
  return dict;
}

absl::StatusOr<Value> MakeDict(Rendering& rendering, Arguments arguments) {
  ASSIGN_OR_RETURN(Dict dict, DictOf(rendering, std::move(arguments)));
  return NewDict(rendering, std::move(dict));
}

absl::StatusOr<Value> MakeNamespace(Rendering& rendering, Arguments arguments) {
  ASSIGN_OR_RETURN(const Dict dict, DictOf(rendering, std::move(arguments)));
  RETURN_IF_ERROR(rendering.budget.Allocate(256));
  auto made = std::make_shared<Namespace>();
  rendering.namespaces.push_back(made);
  for (const auto& [name, value] : dict.entries()) {
    if (!name.is_text()) return absl::UnimplementedError("a namespace with names that are not text");
    RETURN_IF_ERROR(made->Set(rendering, name.text(), value));
  }
  return Value(std::static_pointer_cast<Object>(std::move(made)));
}

class Cycler : public Object {
 public:
  explicit Cycler(Value items) : items_(std::move(items)) {}

  absl::string_view TypeName() const override { return "Cycler"; }
  int nesting() const override { return items_.nesting() + 1; }
  absl::StatusOr<std::optional<Value>> Attribute(Rendering&, absl::string_view name) override {
    if (name == "current") return items_.items()[position_];
    if (name == "items") return items_;
    if (name == "pos") return Value(static_cast<int64_t>(position_));
    if (name != "next" && name != "reset") return std::nullopt;
    auto self = std::static_pointer_cast<Cycler>(shared_from_this());
    const bool advances = name == "next";
    return Value(std::static_pointer_cast<Object>(
        std::make_shared<Function>(std::string(name), nesting(), [self, advances](Rendering&, Arguments) {
          const Value current = advances ? self->items_.items()[self->position_] : Value();
          self->position_ = advances ? (self->position_ + 1) % self->items_.items().size() : 0;
          return absl::StatusOr<Value>(current);
        })));
  }

 private:
  Value items_;
  size_t position_ = 0;
};

absl::StatusOr<Value> MakeCycler(Rendering& rendering, Arguments arguments) {
  if (arguments.positional.empty()) return ValueError("at least one item has to be provided");
  ASSIGN_OR_RETURN(Value items, NewTuple(rendering, std::move(arguments.positional)));
  return Value(std::static_pointer_cast<Object>(std::make_shared<Cycler>(std::move(items))));
}

absl::StatusOr<Value> MakeJoiner(Rendering&, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("joiner", std::move(arguments), {"sep"}, 0));
  const Value separator = p.has(0) ? p[0] : Value::Text(", ");
  return Value(std::static_pointer_cast<Object>(std::make_shared<Function>(
      "joiner", separator.nesting(), [separator, used = false](Rendering&, Arguments) mutable {
        return absl::StatusOr<Value>(std::exchange(used, true) ? separator : Value::Text(""));
      })));
}

absl::StatusOr<Value> RaiseException(Rendering& rendering, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("raise_exception", std::move(arguments), {"message"}, 1));
  ASSIGN_OR_RETURN(const std::string message, Str(rendering, p[0]));
  rendering.raised = true;
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<Value> StrftimeNow(Rendering& rendering, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("strftime_now", std::move(arguments), {"format"}, 1));
  ASSIGN_OR_RETURN(const std::string asked, p.Text(0, ""));
  // What Python answers itself; a time without zone has neither %z nor %Z.
  const int64_t microseconds = absl::ToUnixMicros(rendering.now) % 1000000;
  const std::string format =
      absl::StrReplaceAll(asked, {{"%%", "%%"}, {"%f", absl::StrFormat("%06d", microseconds)}, {"%z", ""}, {"%Z", ""}});
  const std::tm time = absl::ToTM(rendering.now, rendering.time_zone);
  char buffer[4096];
  // The character at the end tells an empty result from one that does not fit.
  const size_t size = std::strftime(buffer, sizeof(buffer), absl::StrCat(format, "$").c_str(), &time);
  if (size == 0) return absl::ResourceExhaustedError("strftime_now makes more than 4095 bytes");
  return NewText(rendering, std::string(buffer, size - 1));
}

absl::StatusOr<Value> Lipsum(Rendering&, Arguments) { return absl::UnimplementedError("the function 'lipsum'"); }

}  // namespace

std::optional<Value> FindGlobal(absl::string_view name) {
  static const auto* const bodies = new absl::flat_hash_map<absl::string_view, Body>{
      {"range", NewRange},           {"dict", MakeDict},     {"namespace", MakeNamespace},
      {"cycler", MakeCycler},        {"joiner", MakeJoiner}, {"raise_exception", RaiseException},
      {"strftime_now", StrftimeNow}, {"lipsum", Lipsum}};
  const auto found = bodies->find(name);
  if (found == bodies->end()) return std::nullopt;
  return Value(std::static_pointer_cast<Object>(std::make_shared<Function>(std::string(name), 0, found->second)));
}

}  // namespace metronome::text::jinja
