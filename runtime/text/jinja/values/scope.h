#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_SCOPE_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_SCOPE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text::jinja {

// The variables of one block of a template, inside those of the blocks around it. Macros keep the scope they were
// defined in.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}

  // The value, or nullptr if no scope knows the name; a declared name without a value is an empty optional.
  const std::optional<Value>* Find(absl::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get()) {
      if (const auto found = scope->variables_.find(name); found != scope->variables_.end()) return &found->second;
    }
    return nullptr;
  }

  void Set(absl::string_view name, Value value) { variables_.insert_or_assign(name, std::move(value)); }
  // Hides outer variables of this name until it is set.
  void Declare(absl::string_view name) { variables_.insert_or_assign(name, std::nullopt); }
  void Clear() { variables_.clear(); }

 private:
  std::shared_ptr<Scope> outer_;
  absl::flat_hash_map<std::string, std::optional<Value>> variables_;
};

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_SCOPE_H_
