#ifndef METRONOME_COMPILER_FRONTEND_ACTIVATION_H_
#define METRONOME_COMPILER_FRONTEND_ACTIVATION_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "compiler/frontend/model_config.h"
#include "compiler/ir/builder.h"

namespace metronome::compiler {

// The activation that transformers has under this name (hidden_act); nullopt where it is unknown or has no primitives.
std::optional<Activation> ParseActivation(absl::string_view name);

// All names that ParseActivation knows, for messages: "gelu, gelu_fast, ...".
std::string ActivationNames();

// The activation of x, a float32 value. Erf, of kGelu, is approximated within 1.5e-7.
NodeId WriteActivation(Builder& builder, Activation activation, NodeId x);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_ACTIVATION_H_
