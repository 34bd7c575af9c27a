#ifndef METRONOME_RUNTIME_TEXT_JINJA_LOOP_H_
#define METRONOME_RUNTIME_TEXT_JINJA_LOOP_H_

#include <functional>
#include <memory>
#include <optional>

#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// The variable `loop` of a for loop, which fetches the loop's items too: one ahead only if the template asks for the
// next or last item, and all if it asks for a length that the iterable does not tell.
class Loop : public Object {
 public:
  // What calling a recursive loop renders; null for others.
  using Recurse = std::function<absl::StatusOr<Value>(Rendering&, const Value& items, int depth)>;

  Loop(Value iterable, std::shared_ptr<Iterator> iterator, bool filtered, int depth, Recurse recurse)
      : iterable_(std::move(iterable)),
        iterator_(std::move(iterator)),
        filtered_(filtered),
        depth_(depth),
        recurse_(std::move(recurse)) {}

  // Moves to the next item; nullopt at the end.
  absl::StatusOr<std::optional<Value>> Advance(Rendering& rendering);

  absl::string_view TypeName() const override { return "LoopContext"; }
  int nesting() const override { return iterable_.nesting() + 1; }
  bool IsCallable() const override { return true; }
  absl::StatusOr<std::optional<Value>> Attribute(Rendering& rendering, absl::string_view name) override;
  absl::StatusOr<std::optional<int64_t>> Length(Rendering& rendering) override;
  absl::StatusOr<Value> Call(Rendering& rendering, Arguments arguments) override;
  absl::StatusOr<std::string> Repr(Rendering& rendering) override;

 private:
  // The item after the current one, fetched early.
  absl::StatusOr<std::optional<Value>> Peek(Rendering& rendering);
  absl::StatusOr<int64_t> CountItems(Rendering& rendering);
  absl::StatusOr<Value> Changed(Rendering& rendering, Arguments arguments);
  absl::StatusOr<Value> Cycle(Arguments arguments) const;

  Value iterable_;
  std::shared_ptr<Iterator> iterator_;
  bool filtered_;  // By an `if`, so that the iterable's length says nothing.
  int depth_;      // 0 for the outermost.
  Recurse recurse_;
  int64_t index_ = -1;
  std::optional<int64_t> length_;
  std::optional<Value> before_, current_, after_;
  std::optional<Value> last_changed_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_LOOP_H_
