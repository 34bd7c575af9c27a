#include "runtime/weights/tensor_names.h"

#include "absl/strings/str_cat.h"

namespace metronome::runtime {

std::vector<std::string> StoredNamesOf(absl::string_view weight, TensorNaming naming) {
  const bool is_head = weight == "lm_head.weight";  // No part of what a wrapper wraps.
  std::vector<std::string> names;
  if (naming != TensorNaming::kWrapped || is_head) names = {std::string(weight), absl::StrCat("model.", weight)};
  if (naming == TensorNaming::kText) return names;
  if (is_head) {
    names.emplace_back("language_model.lm_head.weight");
    return names;
  }
  for (const char* prefix : {"model.language_model.", "language_model.model.", "language_model.",
                             "model.language_model.model.", "language_model.model.model."})
    names.push_back(absl::StrCat(prefix, weight));
  return names;
}

}  // namespace metronome::runtime
