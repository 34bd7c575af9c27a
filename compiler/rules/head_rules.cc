#include "compiler/rules/rules.h"

namespace metronome {

absl::string_view HeadRules() {
  return R"(
embedding-scale: (mul (gather ?table ?ids) #scale) => (embedding scale=#scale ?table ?ids) if float(?table)
softcap: (cast? (mul (tanh (div (= ?inner (cast? ?x)) #cap)) #cap)) => (softcap cap=#cap ?x)
      if positive(#cap), no-narrower(?inner, ?x)
softcap-by-reciprocal: (cast? (mul (tanh (mul (= ?inner (cast? ?x)) #inverse)) #cap)) => (softcap cap=#cap ?x)
      if positive(#cap), reciprocal(#inverse, #cap), no-narrower(?inner, ?x)
)";
}

}  // namespace metronome
