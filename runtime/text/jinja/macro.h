#ifndef METRONOME_RUNTIME_TEXT_JINJA_MACRO_H_
#define METRONOME_RUNTIME_TEXT_JINJA_MACRO_H_

#include <memory>

#include "runtime/text/jinja/evaluator.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// What a macro or call block defines: a function that returns the text its body renders.
class Macro : public Object {
 public:
  Macro(Evaluator& evaluator, const Statement& definition, std::shared_ptr<Scope> scope)
      : evaluator_(evaluator), definition_(definition), scope_(std::move(scope)) {}

  absl::string_view TypeName() const override { return "Macro"; }
  bool IsCallable() const override { return true; }
  absl::StatusOr<std::optional<Value>> Attribute(Rendering& rendering, absl::string_view name) override;
  absl::StatusOr<Value> Call(Rendering& rendering, Arguments arguments) override;
  absl::StatusOr<std::string> Repr(Rendering& rendering) override;

 private:
  Evaluator& evaluator_;
  const Statement& definition_;
  std::shared_ptr<Scope> scope_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_MACRO_H_
