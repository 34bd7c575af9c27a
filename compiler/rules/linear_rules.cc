#include "compiler/rules/rules.h"

namespace metronome::compiler {

absl::string_view LinearRules() {
  return R"(
# The number of inputs tells what a product carries already; an activation has none.
linear: (matmul transpose_b=1 ?x ?w) => (linear ?x ?w)
linear-bias: (add (linear @plain ?x ?w) ?bias) => (linear has_bias=1 ?x ?w ?bias) if no-activation(@plain)
linear-residual: (add ?residual (linear @plain ?x ?w)) => (linear has_residual=1 ?x ?w ?residual)
      if no-activation(@plain)
linear-bias-residual: (add ?residual (linear @plain has_bias=1 ?x ?w ?bias))
      => (linear has_bias=1 has_residual=1 ?x ?w ?bias ?residual) if no-activation(@plain)
)";
}

}  // namespace metronome::compiler
