#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_NAMESPACE_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_NAMESPACE_H_

#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

// What namespace() makes: attributes that inner scopes may set.
class Namespace : public Object {
 public:
  absl::Status Set(Rendering& rendering, absl::string_view name, Value value);
  void Clear() { attributes_ = Dict(); }

  absl::string_view TypeName() const override { return "Namespace"; }
  absl::StatusOr<std::optional<Value>> Attribute(Rendering& rendering, absl::string_view name) override;
  absl::StatusOr<std::string> Repr(Rendering& rendering) override;

 private:
  Dict attributes_;
  bool printing_ = false;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_NAMESPACE_H_
