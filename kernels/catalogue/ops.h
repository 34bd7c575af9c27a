#ifndef METRONOME_KERNELS_CATALOGUE_OPS_H_
#define METRONOME_KERNELS_CATALOGUE_OPS_H_

#include <cstdint>

// The table of ops, a row each: what stands in graphs, programs and plans, and what backends have kernels for.
// Compilers of devices read it too, so nothing is included. catalogue.h says what the kernels mean, op_table.h has the
// columns.
//
//   ROW(id, name, group, least inputs, most inputs, least outputs, most outputs, check, cost, traits)
//
// `id` makes the enumerator `kId`. `check` and `cost` are functions of checks.h; leaves and views have none, since
// nothing is launched for them. In a graph, a kernel with several outputs is several nodes with the same inputs and
// attributes, but for `output`, the one meant.

// clang-format off
// What a graph starts from. tokens: int32 [seq], the step's ids. input: what a part of a model reads from the parts
// before it; attribute name. weight: attributes name, init (a WeightInit). constant: attribute values (row-major
// doubles). state: a KV buffer [capacity, ...] kept between steps, whose first axis is typed as past + seq; attribute
// name. iota: int32 [n]; in a graph its attribute start is a Dim as 3 integers.
#define METRONOME_LEAF_OPS(ROW) \
  ROW(Tokens, "tokens", kLeaf, 0, 0, 1, 1, nullptr, nullptr, 0) \
  ROW(Input, "input", kLeaf, 0, 0, 1, 1, nullptr, nullptr, 0) \
  ROW(Weight, "weight", kLeaf, 0, 0, 1, 1, nullptr, nullptr, 0) \
  ROW(Constant, "constant", kLeaf, 0, 0, 1, 1, nullptr, nullptr, 0) \
  ROW(State, "state", kLeaf, 0, 0, 1, 1, nullptr, nullptr, 0) \
  ROW(Iota, "iota", kLeaf, 0, 0, 1, 1, CheckIota, MoveCost, kReadsPosition)

// Programs consist of these six groups. Functions of one number of the name `id` compute the first three.
#define METRONOME_UNARY_OPS(ROW) \
  ROW(Neg, "neg", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, 0) \
  ROW(Exp, "exp", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, kTranscendental) \
  ROW(Tanh, "tanh", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, kTranscendental) \
  ROW(Sigmoid, "sigmoid", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, kTranscendental) \
  ROW(Rsqrt, "rsqrt", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, kTranscendental) \
  ROW(Cos, "cos", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, kTranscendental) \
  ROW(Sin, "sin", kUnary, 1, 1, 1, 1, CheckUnary, ElementwiseCost, kTranscendental)
#define METRONOME_BINARY_OPS(ROW) \
  ROW(Add, "add", kBinary, 2, 2, 1, 1, CheckBinary, ElementwiseCost, kCommutative) \
  ROW(Sub, "sub", kBinary, 2, 2, 1, 1, CheckBinary, ElementwiseCost, 0) \
  ROW(Mul, "mul", kBinary, 2, 2, 1, 1, CheckBinary, ElementwiseCost, kCommutative) \
  ROW(Div, "div", kBinary, 2, 2, 1, 1, CheckBinary, ElementwiseCost, 0) \
  ROW(Maximum, "maximum", kBinary, 2, 2, 1, 1, CheckBinary, ElementwiseCost, kCommutative) \
  ROW(Minimum, "minimum", kBinary, 2, 2, 1, 1, CheckBinary, ElementwiseCost, kCommutative)
#define METRONOME_COMPARE_OPS(ROW) \
  ROW(Lt, "lt", kCompare, 2, 2, 1, 1, CheckCompare, ElementwiseCost, 0) \
  ROW(Le, "le", kCompare, 2, 2, 1, 1, CheckCompare, ElementwiseCost, 0) \
  ROW(Gt, "gt", kCompare, 2, 2, 1, 1, CheckCompare, ElementwiseCost, 0) \
  ROW(Ge, "ge", kCompare, 2, 2, 1, 1, CheckCompare, ElementwiseCost, 0) \
  ROW(Eq, "eq", kCompare, 2, 2, 1, 1, CheckCompare, ElementwiseCost, kCommutative)
#define METRONOME_CHOICE_OPS(ROW) \
  ROW(And, "and", kLogical, 2, 2, 1, 1, CheckAnd, ElementwiseCost, kCommutative) \
  ROW(Select, "select", kSelect, 3, 3, 1, 1, CheckSelect, ElementwiseCost, 0) \
  ROW(Cast, "cast", kCast, 1, 1, 1, 1, CheckSameShape, ElementwiseCost, 0)
#define METRONOME_REDUCTION_OPS(ROW) \
  ROW(ReduceSum, "reduce_sum", kReduction, 1, 1, 1, 1, CheckReduce, ReduceCost, 0) \
  ROW(ReduceMax, "reduce_max", kReduction, 1, 1, 1, 1, CheckReduce, ReduceCost, 0)

// Other primitives. A reshape is a view of the same elements, so it has no kernel.
#define METRONOME_PRIMITIVE_OPS(ROW) \
  ROW(Matmul, "matmul", kPrimitive, 2, 2, 1, 1, CheckMatmul, ProductCost, 0) \
  ROW(Gather, "gather", kPrimitive, 2, 2, 1, 1, CheckGather, GatherCost, kGathersRows) \
  ROW(TopK, "top_k", kPrimitive, 1, 1, 2, 2, CheckTopK, RowCost, 0) \
  ROW(CacheWrite, "cache_write", kPrimitive, 2, 2, 1, 1, CheckCacheWrite, CacheWriteCost, kReadsPosition) \
  ROW(Reshape, "reshape", kView, 1, 1, 1, 1, nullptr, nullptr, 0) \
  ROW(Transpose, "transpose", kPrimitive, 1, 1, 1, 1, CheckTranspose, MoveCost, 0) \
  ROW(Broadcast, "broadcast", kPrimitive, 1, 1, 1, 1, CheckBroadcast, MoveCost, 0) \
  ROW(Slice, "slice", kPrimitive, 1, 1, 1, 1, CheckSlice, MoveCost, 0) \
  ROW(Concat, "concat", kPrimitive, 1, 64, 1, 1, CheckConcat, MoveCost, 0)

// Fused forms, which rules alone bring into a graph.
#define METRONOME_FUSED_OPS(ROW) \
  ROW(Softmax, "softmax", kFused, 1, 1, 1, 1, CheckSoftmax, RowCost, 0) \
  ROW(RmsNorm, "rms_norm", kFused, 1, 2, 1, 1, CheckRmsNorm, RowCost, 0) \
  ROW(Rope, "rope", kFused, 3, 3, 1, 1, CheckRope, RowCost, 0) \
  ROW(Attention, "attention", kFused, 3, 3, 1, 1, CheckAttention, AttentionCost, kReadsPosition | kWindowed) \
  ROW(Linear, "linear", kFused, 2, 5, 1, 1, CheckLinear, ProductCost, kProduct) \
  ROW(GatedActivation, "gated_activation", kFused, 2, 2, 1, 1, CheckGatedActivation, RowCost, kGated) \
  ROW(Embedding, "embedding", kFused, 2, 2, 1, 1, CheckEmbedding, GatherCost, kGathersRows) \
  ROW(Softcap, "softcap", kFused, 1, 1, 1, 1, CheckSoftcap, RowCost, 0) \
  ROW(Argmax, "argmax", kFused, 1, 1, 1, 1, CheckArgmax, ReduceCost, 0) \
  ROW(ExpertLinear, "expert_linear", kFused, 3, 3, 1, 1, CheckExpertLinear, ExpertCost, kExpertProduct) \
  ROW(GatedExperts, "gated_experts", kFused, 3, 3, 1, 1, CheckGatedExperts, ExpertCost, kExpertProduct | kGated) \
  ROW(ExpertMix, "expert_mix", kFused, 4, 4, 1, 1, CheckExpertMix, ExpertCost, kExpertProduct) \
  ROW(GatedLinear, "gated_linear", kFused, 3, 4, 1, 1, CheckGatedLinear, GroupCost, kProduct | kGated) \
  ROW(AddRmsNorm, "add_rms_norm", kFused, 2, 3, 2, 2, CheckAddRmsNorm, RowCost, 0) \
  ROW(LinearGroup, "linear_group", kFused, 3, 18, 2, 8, CheckLinearGroup, GroupCost, kProduct) \
  ROW(QkvRopeCache, "qkv_rope_cache", kFused, 8, 14, 3, 3, CheckQkvRopeCache, QkvRopeCacheCost, kReadsPosition | kProduct)

// A program of elementwise ops and reductions as one kernel; it stands in plans, never in a graph.
#define METRONOME_PROGRAM_OPS(ROW) \
  ROW(Fused, "fused", kProgram, 1, 8, 1, 4, CheckFused, FusedCost, 0)

#define METRONOME_OPS(ROW) \
  METRONOME_LEAF_OPS(ROW) METRONOME_UNARY_OPS(ROW) METRONOME_BINARY_OPS(ROW) METRONOME_COMPARE_OPS(ROW) \
  METRONOME_CHOICE_OPS(ROW) METRONOME_REDUCTION_OPS(ROW) METRONOME_PRIMITIVE_OPS(ROW) METRONOME_FUSED_OPS(ROW) \
  METRONOME_PROGRAM_OPS(ROW)
// clang-format on

namespace metronome::kernels {

enum class OpGroup : uint8_t {
  kLeaf,
  kUnary,
  kBinary,
  kCompare,
  kLogical,
  kSelect,
  kCast,
  kReduction,
  kPrimitive,
  kView,
  kFused,
  kProgram,
};

enum class Op : uint8_t {
#define METRONOME_ENUMERATOR(id, ...) k##id,
  METRONOME_OPS(METRONOME_ENUMERATOR)
#undef METRONOME_ENUMERATOR
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CATALOGUE_OPS_H_
