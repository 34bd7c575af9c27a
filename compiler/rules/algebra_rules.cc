#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view AlgebraRules() {
  return R"(
mul-one: (mul ?x 1) => ?x
add-zero: (add ?x 0) => ?x
reshape-same: (reshape ?x) => ?x if same-type(?root, ?x)
reshape-reshape: (reshape (reshape ?x)) => (reshape like=?root ?x)
broadcast-same: (broadcast ?x) => ?x if same-type(?root, ?x)
neg-neg: (neg (neg ?x)) => ?x
sub-as-add: (sub ?a ?b) <=> (add ?a (neg ?b))
div-sigmoid: (div ?x (add (exp (neg ?x)) 1)) => (mul ?x (sigmoid ?x))
logistic: (div 1 (add (exp (neg ?x)) 1)) => (sigmoid ?x)
scale-scale: (mul (mul ?x #a) #b) => (mul ?x (mul #a #b)) if float32(?root)
scale-out-of-query: (matmul transpose_b=1 (mul ?q #s) ?k) => (mul (matmul transpose_b=1 ?q ?k) #s) if positive(#s)
transpose-into-matmul: (matmul transpose_b=0 ?a (transpose permutation=[1,0] ?b)) => (matmul transpose_b=1 ?a ?b)
)";
}

}  // namespace metronome::compiler
