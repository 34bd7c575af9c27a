#ifndef METRONOME_KERNELS_CATALOGUE_OP_TABLE_H_
#define METRONOME_KERNELS_CATALOGUE_OP_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "absl/strings/string_view.h"
#include "kernels/catalogue/ops.h"

namespace metronome::kernels {

enum OpTrait : uint32_t {
  kCommutative = 1,          // Operands may change places.
  kTranscendental = 1 << 1,  // Dear enough to be worth a place in memory.
  kReadsPosition = 1 << 2,   // The kernel takes the step's position from the device where a recording needs that.
  kWindowed = 1 << 3,        // Reads of a cache what the attribute `window` shows it.
  kGathersRows = 1 << 4,     // Reads one row of its first operand for each index.
  kProduct = 1 << 5,         // One or more products of the first operand's rows with matrices.
  kExpertProduct = 1 << 6,   // The same with the matrices of the second operand that the third names.
  kGated = 1 << 7,           // Products come in pairs: act(gate) * up.
};

struct OpRow {
  absl::string_view id;  // "ReduceSum" of kReduceSum.
  absl::string_view name;
  OpGroup group;
  int least_inputs, most_inputs;
  int least_outputs, most_outputs;
  uint32_t traits;

  constexpr bool Has(OpTrait trait) const { return (traits & trait) != 0; }
};

// In the order of the enum.
inline constexpr OpRow kOpTable[] = {
#define METRONOME_ROW(id, name, group, least_inputs, most_inputs, least_outputs, most_outputs, check, cost, traits) \
  {#id, name, OpGroup::group, least_inputs, most_inputs, least_outputs, most_outputs, traits},
    METRONOME_OPS(METRONOME_ROW)
#undef METRONOME_ROW
};
inline constexpr int kOpCount = static_cast<int>(std::size(kOpTable));

constexpr const OpRow& RowOf(Op op) { return kOpTable[static_cast<size_t>(op)]; }
constexpr OpGroup GroupOf(Op op) { return RowOf(op).group; }
constexpr absl::string_view Name(Op op) { return RowOf(op).name; }
std::optional<Op> ParseOp(absl::string_view name);
// Whether the op of this name has the trait; false for a name that no op has.
bool HasTrait(absl::string_view name, OpTrait trait);

// False for the forms that only rules and the fusion of programs may create.
constexpr bool IsPrimitive(Op op) { return GroupOf(op) < OpGroup::kFused; }
constexpr bool IsLeaf(Op op) { return GroupOf(op) == OpGroup::kLeaf; }
constexpr bool IsCommutative(Op op) { return RowOf(op).Has(kCommutative); }
constexpr bool IsReduction(Op op) { return GroupOf(op) == OpGroup::kReduction; }
// Ops of one element at a time, with NumPy's broadcasting.
constexpr bool IsElementwise(Op op) { return OpGroup::kUnary <= GroupOf(op) && GroupOf(op) <= OpGroup::kCast; }
// What the steps of a program are.
constexpr bool IsProgramStep(Op op) { return IsElementwise(op) || IsReduction(op); }

// The operand, a state, that an output is written over in place; -1 for none.
constexpr int WrittenInput(Op op, int output) {
  if (op == Op::kCacheWrite) return 0;
  return op == Op::kQkvRopeCache && output > 0 ? 5 + output : -1;  // The caches of k and v.
}

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CATALOGUE_OP_TABLE_H_
