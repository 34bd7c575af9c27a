#include "kernels/catalogue/op_table.h"

namespace metronome::kernels {

std::optional<Op> ParseOp(absl::string_view name) {
  for (int op = 0; op < kOpCount; ++op) {
    if (kOpTable[op].name == name) return static_cast<Op>(op);
  }
  return std::nullopt;
}

bool HasTrait(absl::string_view name, OpTrait trait) {
  const std::optional<Op> op = ParseOp(name);
  return op.has_value() && RowOf(*op).Has(trait);
}

}  // namespace metronome::kernels
