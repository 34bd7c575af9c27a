#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view HeadRules() {
  return R"(
argmax: (reshape (cast (neg (reduce_max @outer (= ?columns (select (eq ?x (reduce_max @inner ?x))
      (neg (cast (= ?index (iota @index)))) #none)))))) => (argmax ?x)
      if float(?x), rank(?x, 2), last-axis(@inner, ?x), last-axis(@outer, ?columns), counts-columns(@index, ?index, ?x),
      float32(?columns), minus-columns(#none, ?x)
embedding-scale: (mul (gather ?table ?ids) #scale) => (embedding scale=#scale ?table ?ids) if float(?table)
softcap: (cast? (mul (tanh (div (= ?inner (cast? ?x)) #cap)) #cap)) => (softcap cap=#cap ?x)
      if positive(#cap), no-narrower(?inner, ?x)
softcap-by-reciprocal: (cast? (mul (tanh (mul (= ?inner (cast? ?x)) #inverse)) #cap)) => (softcap cap=#cap ?x)
      if positive(#cap), reciprocal(#inverse, #cap), no-narrower(?inner, ?x)
)";
}

}  // namespace metronome::compiler
