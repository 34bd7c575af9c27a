#ifndef METRONOME_COMPILER_RULES_RULES_H_
#define METRONOME_COMPILER_RULES_RULES_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "compiler/egraph/rewrite.h"

namespace metronome::compiler {

// What the compiler knows of transformer arithmetic, by concern, in the text form of ParseRules. They start from
// primitives; fused forms are theirs to introduce.
absl::string_view AlgebraRules();    // Equal formulas of primitives: constants, reshapes, scales.
absl::string_view NormRules();       // RMSNorm in its forms, with the addition before it.
absl::string_view AttentionRules();  // Softmax, RoPE, attention over the cache.
absl::string_view LinearRules();     // Matrix products with bias, residual and activation.
absl::string_view MlpRules();        // SwiGLU, GeGLU.
absl::string_view HeadRules();       // Embedding scale, softcap, argmax.
absl::string_view ExpertRules();     // Products with a choice of weights.

// merge-linear: products of one input with several weights become one call (QKV, gate and up).
std::unique_ptr<Rewrite> MergeLinearRule();

// norm-prologue: products of an rms_norm normalise for themselves.
std::unique_ptr<Rewrite> NormPrologueRule();

// qkv-rope-cache: the products of one x that become queries, keys and values are turned and cached by one call.
std::unique_ptr<Rewrite> QkvRopeCacheRule();

// The predicates that the texts use; see conditions.cc.
const ConditionTable& RuleConditions();

// All of the above, parsed once.
const RewriteList& AllRules();

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_RULES_RULES_H_
