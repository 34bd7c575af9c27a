#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view NormRules() {
  return R"(
# x / sqrt(mean(x^2) + eps), in float32 whatever the dtype of x.
let normalised = (mul (= ?x32 (cast? ?x)) (rsqrt (add (mul (reduce_sum @sum (mul ?x32 ?x32)) #inverse_size) #eps)))
let is-mean = float32(?x32), last-axis(@sum, ?x), mean(#inverse_size, ?x), not-negative(#eps)

rms-norm-weightless: (cast? $normalised) => (rms_norm eps=#eps ?x) if $is-mean, same-type(?root, ?x)
rms-norm-round-then-weight: (mul (cast? $normalised) ?w)
      => (rms_norm eps=#eps weight_offset=0.0 round_before_weight=1 ?x ?w) if $is-mean
rms-norm-weight: (cast? (mul $normalised (cast? ?w)))
      => (rms_norm eps=#eps weight_offset=0.0 round_before_weight=0 ?x ?w) if $is-mean
rms-norm-offset-weight: (cast? (mul $normalised (add (cast? ?w) 1)))
      => (rms_norm eps=#eps weight_offset=1.0 round_before_weight=0 ?x ?w) if $is-mean

add-rms-norm: (rms_norm @norm (= ?sum (add ?a ?b)) ?w)
      => (add_rms_norm @norm output=1 ?a ?b ?w) also ?sum = (add_rms_norm @norm output=0 ?a ?b ?w)
)";
}

}  // namespace metronome::compiler
