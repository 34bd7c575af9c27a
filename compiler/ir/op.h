#ifndef METRONOME_COMPILER_IR_OP_H_
#define METRONOME_COMPILER_IR_OP_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace metronome {

// Ops whose kernels are described in kernels/catalogue.h carry the kernel's name; the leaves and `reshape` have none.
// A kernel with several outputs is several nodes with the same inputs and attributes, but for `output`, the one meant.
enum class Op : uint8_t {
  // Leaves.
  kTokens,    // int32 [seq]: the step's token ids.
  kInput,     // What a part of a model reads from the parts before it; attribute name.
  kWeight,    // Attributes name, init (a WeightInit).
  kConstant,  // Attribute values (row-major doubles).
  kState,     // A KV buffer [capacity, ...] kept between steps; attribute name. Its first axis is typed as past + seq.
  kIota,      // int32 [n]; attribute start (a Dim as 3 integers).
  // Elementwise primitives, NumPy broadcasting.
  kNeg,
  kExp,
  kTanh,
  kSigmoid,
  kRsqrt,
  kCos,
  kSin,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kLt,
  kLe,
  kGt,
  kGe,
  kEq,
  kAnd,
  kSelect,
  kCast,  // To the node's dtype.
  // Other primitives.
  kReduceSum,  // Attribute axis; kept with size 1.
  kReduceMax,  // Likewise.
  kMatmul,     // Attribute transpose_b.
  kGather,     // (table [V, ...], indices [n]) -> [n, ...].
  kTopK,  // x [rows, n] -> the k largest of each row, falling: values [rows, k], columns int32 [rows, k]; attribute k.
  kCacheWrite,  // (state, rows [seq, ...]) -> [past + seq, ...], in place.
  kReshape,
  kTranspose,  // Attribute permutation.
  kBroadcast,
  kSlice,   // Attributes axis, start (a Dim as 3 integers); the size is the node's.
  kConcat,  // Attribute axis.
  // Fused forms, introduced by rules only. linear, linear_group and gated_linear may have a norm before them
  // (has_norm).
  kSoftmax,
  kRmsNorm,
  kRope,
  kAttention,
  kLinear,
  kGatedActivation,
  kEmbedding,
  kSoftcap,
  kArgmax,
  kExpertLinear,  // (x [rows, k], experts [E, n, k], index [rows]) -> [rows, n]: each row by its own expert.
  kGatedExperts,  // (x [m, k], experts [E, 2 n, k], index [m * slots]) -> [m * slots, n].
  kExpertMix,     // (x [m * slots, k], experts [E, n, k], index [m * slots], weights [m, slots]) -> [m, n].
  kGatedLinear,
  kAddRmsNorm,    // Two outputs.
  kLinearGroup,   // As many outputs as weights.
  kQkvRopeCache,  // Three outputs: q, and the caches of k and v in place.
};

inline constexpr int kOpCount = static_cast<int>(Op::kQkvRopeCache) + 1;

absl::string_view Name(Op op);
std::optional<Op> ParseOp(absl::string_view name);

// False for the fused forms that only rules may create.
bool IsPrimitive(Op op);
// Tokens, inputs, weights, constants, states and iota: nodes without inputs.
bool IsLeaf(Op op);
// Whether operands may change places.
bool IsCommutative(Op op);

}  // namespace metronome

#endif  // METRONOME_COMPILER_IR_OP_H_
