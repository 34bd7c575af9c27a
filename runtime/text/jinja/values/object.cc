#include "runtime/text/jinja/values/object.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/rendering.h"
#include "runtime/text/jinja/text/text_form.h"

namespace metronome::text::jinja {
namespace {

class ItemIterator : public Iterator {
 public:
  ItemIterator(Value holder, bool reversed) : holder_(std::move(holder)), reversed_(reversed) {}

  absl::StatusOr<std::optional<Value>> Next(Rendering&) override {
    const std::vector<Value>& items = holder_.items();
    if (next_ == items.size()) return std::nullopt;
    const size_t index = reversed_ ? items.size() - 1 - next_ : next_;
    ++next_;
    return items[index];
  }
  int nesting() const override { return holder_.nesting() + 1; }

 private:
  Value holder_;
  bool reversed_;
  size_t next_ = 0;
};

class FunctionIterator : public Iterator {
 public:
  FunctionIterator(int nesting, std::function<absl::StatusOr<std::optional<Value>>(Rendering&)> next)
      : nesting_(nesting), next_(std::move(next)) {}

  int nesting() const override { return nesting_ + 1; }

  absl::StatusOr<std::optional<Value>> Next(Rendering& rendering) override {
    if (done_) return std::nullopt;
    // A generator that reaches itself through its own sources would recurse without end.
    if (running_) return TypeError("generator already executing");
    running_ = true;
    absl::StatusOr<std::optional<Value>> value = next_(rendering);
    running_ = false;
    done_ = !value.ok() || !value->has_value();
    return value;
  }

 private:
  int nesting_;
  std::function<absl::StatusOr<std::optional<Value>>(Rendering&)> next_;
  bool running_ = false;
  bool done_ = false;
};

}  // namespace

const Value* Arguments::Named(absl::string_view name) const {
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

std::optional<Value> Arguments::Take(absl::string_view name) {
  const auto found = std::find_if(named.begin(), named.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == named.end()) return std::nullopt;
  Value value = std::move(found->second);
  named.erase(found);
  return value;
}

absl::StatusOr<std::optional<Value>> Object::Attribute(Rendering&, absl::string_view) { return std::nullopt; }

absl::StatusOr<std::optional<int64_t>> Object::Length(Rendering&) { return std::nullopt; }

std::shared_ptr<Iterator> Object::Iterate() { return nullptr; }

absl::StatusOr<Value> Object::Call(Rendering&, Arguments) {
  return TypeError(absl::StrCat("'", TypeName(), "' object is not callable"));
}

absl::StatusOr<std::string> Object::Repr(Rendering&) {
  return absl::UnimplementedError(absl::StrCat("printing a ", TypeName()));
}

std::shared_ptr<Iterator> Iterator::Iterate() { return std::static_pointer_cast<Iterator>(shared_from_this()); }

std::shared_ptr<Iterator> IterateItems(Value holder, bool reversed) {
  return std::make_shared<ItemIterator>(std::move(holder), reversed);
}

std::shared_ptr<Iterator> IterateWith(int nesting,
                                      std::function<absl::StatusOr<std::optional<Value>>(Rendering&)> next) {
  return std::make_shared<FunctionIterator>(nesting, std::move(next));
}

int64_t Range::size() const {
  const __int128 distance = step_ > 0 ? __int128{stop_} - start_ : __int128{start_} - stop_;
  const __int128 stride = step_ > 0 ? __int128{step_} : -__int128{step_};
  if (distance <= 0) return 0;
  return static_cast<int64_t>(std::min((distance - 1) / stride + 1, __int128{std::numeric_limits<int64_t>::max()}));
}

absl::StatusOr<std::optional<Value>> Range::Attribute(Rendering&, absl::string_view name) {
  if (name == "start") return Value(start_);
  if (name == "stop") return Value(stop_);
  if (name == "step") return Value(step_);
  return std::nullopt;
}

std::shared_ptr<Iterator> Range::Iterate() {
  auto self = std::static_pointer_cast<Range>(shared_from_this());
  return IterateWith(0, [self, index = int64_t{0}](Rendering&) mutable -> absl::StatusOr<std::optional<Value>> {
    if (index == self->size()) return std::nullopt;
    return Value(self->at(index++));
  });
}

absl::StatusOr<std::string> Range::Repr(Rendering&) {
  return absl::StrCat("range(", start_, ", ", stop_, step_ == 1 ? "" : absl::StrCat(", ", step_), ")");
}

Value DictView::at(size_t index) const {
  const auto& [key, value] = dict_.dict().entries()[index];
  if (part_ == Part::kKeys) return key;
  if (part_ == Part::kValues) return value;
  auto pair = std::make_shared<TupleBody>();
  pair->items = {key, value};
  pair->nesting = std::max(key.nesting(), value.nesting()) + 1;
  return Value(std::shared_ptr<const TupleBody>(std::move(pair)));
}

absl::string_view DictView::TypeName() const {
  return part_ == Part::kKeys ? "dict_keys" : part_ == Part::kValues ? "dict_values" : "dict_items";
}

std::shared_ptr<Iterator> DictView::Iterate() {
  auto self = std::static_pointer_cast<DictView>(shared_from_this());
  return IterateWith(nesting(),
                     [self, index = size_t{0}](Rendering& rendering) mutable -> absl::StatusOr<std::optional<Value>> {
                       if (index == self->dict_.dict().size()) return std::nullopt;
                       if (self->part_ == Part::kItems)
                         RETURN_IF_ERROR(rendering.budget.Allocate(sizeof(TupleBody) + 2 * sizeof(Value)));
                       return self->at(index++);
                     });
}

absl::StatusOr<std::string> DictView::Repr(Rendering& rendering) {
  std::string text = absl::StrCat(TypeName(), "([");
  for (size_t i = 0; i < dict_.dict().size(); ++i) {
    if (i > 0) text += ", ";
    RETURN_IF_ERROR(AppendRepr(rendering, at(i), text));
  }
  return text + "])";
}

absl::StatusOr<Value> Function::Call(Rendering& rendering, Arguments arguments) {
  return body_(rendering, std::move(arguments));
}

absl::StatusOr<std::string> Function::Repr(Rendering&) {
  return absl::UnimplementedError(absl::StrCat("printing the function '", name_, "'"));
}

}  // namespace metronome::text::jinja
