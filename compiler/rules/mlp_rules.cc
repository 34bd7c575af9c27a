#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view MlpRules() {
  return R"(
# Activations in float32, rounded to the dtype of the gate. 0.7978845608... = sqrt(2 / pi).
let silu = (cast? (mul (= ?gate32 (cast? ?gate)) (sigmoid ?gate32)))
let gelu = (cast? (mul (mul (= ?gate32 (cast? ?gate)) 0.5)
      (add (tanh (mul (add ?gate32 (mul (mul ?gate32 (mul ?gate32 ?gate32)) 0.044715)) 0.7978845608028654)) 1)))

gated-silu: (mul $silu ?up) => (gated_activation activation=silu ?gate ?up)
      if float32(?gate32), same-type(?gate, ?up), has-axis(?gate)
gated-gelu-tanh: (mul $gelu ?up) => (gated_activation activation=gelu_tanh ?gate ?up)
      if float32(?gate32), same-type(?gate, ?up), has-axis(?gate)
gated-linear: (gated_activation @act (linear @plain ?x ?gate) (linear @plain ?x ?up)) => (gated_linear @act ?x ?gate ?up)
      if no-activation(@plain)

linear-silu: $silu where ?gate is (linear @plain ?x ?w) => (linear activation=silu ?x ?w)
      if float32(?gate32), same-type(?root, ?gate), no-activation(@plain)
linear-gelu-tanh: $gelu where ?gate is (linear @plain ?x ?w) => (linear activation=gelu_tanh ?x ?w)
      if float32(?gate32), same-type(?root, ?gate), no-activation(@plain)
linear-bias-silu: $silu where ?gate is (linear @plain has_bias=1 ?x ?w ?bias) => (linear has_bias=1 activation=silu ?x ?w ?bias)
      if float32(?gate32), same-type(?root, ?gate), no-activation(@plain)
linear-bias-gelu-tanh: $gelu where ?gate is (linear @plain has_bias=1 ?x ?w ?bias)
      => (linear has_bias=1 activation=gelu_tanh ?x ?w ?bias) if float32(?gate32), same-type(?root, ?gate), no-activation(@plain)
)";
}

}  // namespace metronome::compiler
