#include "runtime/text/jinja/loop.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {

absl::StatusOr<std::optional<Value>> Loop::Advance(Rendering& rendering) {
  std::optional<Value> next = std::exchange(after_, std::nullopt);
  if (!next.has_value()) {
    ASSIGN_OR_RETURN(next, Next(rendering, *iterator_));
  }
  if (!next.has_value()) return next;
  ++index_;
  before_ = std::exchange(current_, next);
  return next;
}

absl::StatusOr<std::optional<Value>> Loop::Peek(Rendering& rendering) {
  if (!after_.has_value()) {
    ASSIGN_OR_RETURN(after_, Next(rendering, *iterator_));
  }
  return after_;
}

absl::StatusOr<int64_t> Loop::CountItems(Rendering& rendering) {
  if (length_.has_value()) return *length_;
  const bool sized = !filtered_ && (iterable_.kind() != Kind::kObject || iterable_.As<Iterator>() == nullptr);
  if (sized) {
    ASSIGN_OR_RETURN(length_, jinja::Length(rendering, iterable_));
    return *length_;
  }
  ASSIGN_OR_RETURN(std::vector<Value> rest, Collect(rendering, Value(std::static_pointer_cast<Object>(iterator_))));
  length_ = static_cast<int64_t>(rest.size()) + index_ + 1 + static_cast<int64_t>(after_.has_value());
  ASSIGN_OR_RETURN(Value list, NewList(rendering, std::move(rest)));
  iterator_ = IterateItems(std::move(list));
  return *length_;
}

absl::StatusOr<std::optional<int64_t>> Loop::Length(Rendering& rendering) {
  ASSIGN_OR_RETURN(const int64_t length, CountItems(rendering));
  return length;
}

absl::StatusOr<Value> Loop::Changed(Rendering& rendering, Arguments arguments) {
  ASSIGN_OR_RETURN(Value values, NewTuple(rendering, std::move(arguments.positional)));
  if (last_changed_.has_value()) {
    ASSIGN_OR_RETURN(const bool equal, Equal(rendering, *last_changed_, values));
    if (equal) return Value(false);
  }
  last_changed_ = std::move(values);
  return Value(true);
}

absl::StatusOr<Value> Loop::Cycle(Arguments arguments) const {
  if (arguments.positional.empty()) return TypeError("no items for cycling given");
  return arguments.positional[static_cast<size_t>(index_) % arguments.positional.size()];
}

absl::StatusOr<std::optional<Value>> Loop::Attribute(Rendering& rendering, absl::string_view name) {
  if (name == "index0") return Value(index_);
  if (name == "index") return Value(index_ + 1);
  if (name == "first") return Value(index_ == 0);
  if (name == "depth0") return Value(int64_t{depth_});
  if (name == "depth") return Value(int64_t{depth_} + 1);
  if (name == "previtem") return index_ > 0 ? *before_ : NewUndefined("there is no previous item");
  if (name == "last" || name == "nextitem") {
    ASSIGN_OR_RETURN(std::optional<Value> next, Peek(rendering));
    if (name == "last") return Value(!next.has_value());
    return next.has_value() ? *std::move(next) : NewUndefined("there is no next item");
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    ASSIGN_OR_RETURN(const int64_t length, CountItems(rendering));
    return Value(name == "length" ? length : name == "revindex" ? length - index_ : length - index_ - 1);
  }
  if (name == "cycle" || name == "changed") {
    auto self = std::static_pointer_cast<Loop>(shared_from_this());
    return Value(std::static_pointer_cast<Object>(std::make_shared<Function>(
        std::string(name), nesting(), [self, cycles = name == "cycle"](Rendering& r, Arguments arguments) {
          return cycles ? self->Cycle(std::move(arguments)) : self->Changed(r, std::move(arguments));
        })));
  }
  return std::nullopt;
}

absl::StatusOr<Value> Loop::Call(Rendering& rendering, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("loop", std::move(arguments), {"iterable"}, 1));
  if (recurse_ == nullptr) {
    return TypeError("The loop must have the 'recursive' marker to be called recursively.");
  }
  return recurse_(rendering, p[0], depth_ + 1);
}

absl::StatusOr<std::string> Loop::Repr(Rendering& rendering) {
  ASSIGN_OR_RETURN(const int64_t length, CountItems(rendering));
  return absl::StrCat("<LoopContext ", index_ + 1, "/", length, ">");
}

}  // namespace metronome::text::jinja
