#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view ExpertRules() {
  return R"(
expert-linear: (matmul transpose_b=1 (= ?wide (reshape ?x)) (gather ?experts ?index))
      => (reshape like=?root (expert_linear ?x ?experts ?index)) if one-row-each(?wide, ?x)
gated-experts: (gated_activation @act
      (= ?gate (slice @gate (= ?product (expert_linear (reshape (= ?spread (broadcast (= ?wide (reshape ?x))))) ?experts ?index))))
      (= ?up (slice @up ?product))) => (gated_experts @act ?x ?experts ?index)
      if half(@gate, ?gate, ?product, 0), half(@up, ?up, ?product, 1), one-row-each(?wide, ?x), row-copies(?spread, ?x)
expert-mix: (reshape (reduce_sum axis=1 (mul (= ?terms (reshape (expert_linear ?x ?experts ?index))) (= ?wide (reshape ?weights)))))
      => (expert_mix ?x ?experts ?index ?weights) if weighted-rows(?terms, ?wide, ?weights)
)";
}

}  // namespace metronome::compiler
