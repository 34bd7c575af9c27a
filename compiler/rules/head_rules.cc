#include "compiler/rules/rules.h"

namespace metronome {

absl::string_view HeadRules() {
  return R"(
embedding-scale: (mul (gather ?table ?ids) #scale) => (embedding scale=#scale ?table ?ids)
softcap: (cast? (mul (tanh (div (cast? ?x) #cap)) #cap)) => (softcap cap=#cap ?x) if positive(#cap)
softcap-by-reciprocal: (cast? (mul (tanh (mul (cast? ?x) #inverse)) #cap)) => (softcap cap=#cap ?x)
      if positive(#cap), reciprocal(#inverse, #cap)
)";
}

}  // namespace metronome
