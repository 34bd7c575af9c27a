#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_OBJECT_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_OBJECT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

struct Rendering;
class Iterator;

// What a call passes: f(1, x=2).
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* Named(absl::string_view name) const;
  // Removes and returns it; nullopt if it was not passed.
  std::optional<Value> Take(absl::string_view name);
};

// A value that is more than data. The defaults are those of a Python object that supports nothing.
class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;

  virtual absl::string_view TypeName() const = 0;
  virtual int nesting() const { return 1; }
  virtual bool IsTrue() const { return true; }
  virtual bool IsCallable() const { return false; }

  // Nullopt where Python raises AttributeError.
  virtual absl::StatusOr<std::optional<Value>> Attribute(Rendering& rendering, absl::string_view name);
  // Nullopt where Python has no len().
  virtual absl::StatusOr<std::optional<int64_t>> Length(Rendering& rendering);
  // nullptr where Python cannot iterate.
  virtual std::shared_ptr<Iterator> Iterate();
  virtual absl::StatusOr<Value> Call(Rendering& rendering, Arguments arguments);
  // Unimplemented for what Python prints with an address.
  virtual absl::StatusOr<std::string> Repr(Rendering& rendering);
};

// Yields values once. As a value it is a Python generator, evaluated as it is asked.
class Iterator : public Object {
 public:
  // Nullopt at the end.
  virtual absl::StatusOr<std::optional<Value>> Next(Rendering& rendering) = 0;

  absl::string_view TypeName() const override { return "generator"; }
  std::shared_ptr<Iterator> Iterate() override;
};

// Yields a list's or tuple's items, which `holder` keeps alive, forwards or backwards.
std::shared_ptr<Iterator> IterateItems(Value holder, bool reversed = false);

// Yields what `next` returns until that is nullopt. `nesting` is that of the values that `next` holds.
std::shared_ptr<Iterator> IterateWith(int nesting,
                                      std::function<absl::StatusOr<std::optional<Value>>(Rendering&)> next);

// range(start, stop, step).
class Range : public Object {
 public:
  Range(int64_t start, int64_t stop, int64_t step) : start_(start), stop_(stop), step_(step) {}

  int64_t size() const;
  int64_t at(int64_t index) const { return start_ + index * step_; }

  absl::string_view TypeName() const override { return "range"; }
  bool IsTrue() const override { return size() > 0; }
  absl::StatusOr<std::optional<Value>> Attribute(Rendering& rendering, absl::string_view name) override;
  absl::StatusOr<std::optional<int64_t>> Length(Rendering&) override { return size(); }
  std::shared_ptr<Iterator> Iterate() override;
  absl::StatusOr<std::string> Repr(Rendering& rendering) override;

 private:
  int64_t start_, stop_, step_;
};

// What a dict's methods keys, values and items return.
class DictView : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };

  DictView(Value dict, Part part) : dict_(std::move(dict)), part_(part) {}

  const Value& dict() const { return dict_; }
  Part part() const { return part_; }
  Value at(size_t index) const;

  absl::string_view TypeName() const override;
  int nesting() const override { return dict_.nesting() + 1; }
  bool IsTrue() const override { return dict_.dict().size() > 0; }
  absl::StatusOr<std::optional<int64_t>> Length(Rendering&) override {
    return static_cast<int64_t>(dict_.dict().size());
  }
  std::shared_ptr<Iterator> Iterate() override;
  absl::StatusOr<std::string> Repr(Rendering& rendering) override;

 private:
  Value dict_;
  Part part_;
};

// A function of the environment, or a method with the value it belongs to.
class Function : public Object {
 public:
  using Body = std::function<absl::StatusOr<Value>(Rendering&, Arguments)>;

  // `nesting` is that of the values that `body` holds.
  Function(std::string name, int nesting, Body body)
      : name_(std::move(name)), nesting_(nesting), body_(std::move(body)) {}

  absl::string_view TypeName() const override { return "function"; }
  int nesting() const override { return nesting_ + 1; }
  bool IsCallable() const override { return true; }
  absl::StatusOr<Value> Call(Rendering& rendering, Arguments arguments) override;
  absl::StatusOr<std::string> Repr(Rendering& rendering) override;

 private:
  std::string name_;
  int nesting_;
  Body body_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_OBJECT_H_
