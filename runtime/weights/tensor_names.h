#ifndef METRONOME_RUNTIME_WEIGHTS_TENSOR_NAMES_H_
#define METRONOME_RUNTIME_WEIGHTS_TENSOR_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace metronome::runtime {

// What a checkpoint's names are those of.
enum class TensorNaming : uint8_t {
  kAny,      // Not known: one of the others.
  kText,     // A text model: "model.layers.0...".
  kWrapped,  // The text model of a multimodal one: "model.language_model.layers.0...".
};

// The names that a checkpoint may have a weight under, those that transformers takes for classes of this naming. Two of
// them at once are a contradiction.
std::vector<std::string> StoredNamesOf(absl::string_view weight, TensorNaming naming);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_TENSOR_NAMES_H_
