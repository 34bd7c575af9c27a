#ifndef METRONOME_COMPILER_IR_BUILDER_H_
#define METRONOME_COMPILER_IR_BUILDER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/graph.h"
#include "runtime/plan/plan.h"

namespace metronome::compiler {

// Writes a graph in primitive ops. The first error sticks: later calls return the invalid id -1 and Finish returns that
// error, so a frontend reads as straight formulas. `float` operands become scalar constants of the other operand's
// dtype. A cast to the dtype a value already has and a reshape to its own shape are no nodes.
//
// Conventions that frontends keep so that one set of rules serves all:
//  - linear layers: Matmul(x [seq, in], w [out, in], /*transpose_b=*/true), then Add for bias and residual (residual as
//  first operand).
//  - norms, softmax and activations: Cast to float32, compute, Cast back, as the model's reference implementation
//  rounds.
//  - mean: Mul(ReduceSum(x, last axis), 1 / n).
//  - RoPE on x [seq, heads, d]: tables cos and sin [seq, d] in the dtype of x, each Reshape'd to [seq, 1, d];
//    Add(Mul(x, cos), Mul(Concat({Neg(high half), low half}, -1), sin)) with the halves Sliced from x.
//  - silu: g = Cast(gate, float32); Mul(Cast(Mul(g, Sigmoid(g)), dtype), up). gelu_tanh: the same around
//    Mul(Mul(g, 0.5), Add(Tanh(Mul(Add(g, Mul(Mul(g, Mul(g, g)), 0.044715)), sqrt(2 / pi))), 1)).
//  - attention: q reshaped [seq, nkv, g, d] and transposed to [nkv, g, seq, d]; K and V from CacheWrite [past+seq, nkv,
//  d], transposed to
//    [nkv, past+seq, d] and reshaped [nkv, 1, past+seq, d]; scores = Mul(Matmul(q, k, true), scale); Select(mask,
//    scores, -inf) with mask = Le(keys, queries) [and Gt(keys, Sub(queries, window))], keys = Iota(0, past+seq) and
//    queries = Iota(past, seq) reshaped [seq, 1]; softmax over the last axis in float32, cast back; Matmul(p, v);
//    transposed to [seq, nkv, g, d]; reshaped [seq, nq*d].
//  - experts: columns of the router's TopK reshaped [seq * slots]; rows Broadcast from [seq, 1, k] to [seq, slots, k]
//  and reshaped
//    [seq * slots, k] and that [seq * slots, 1, k]; Matmul with Gather(experts [E, n, k], columns), true, reshaped [seq
//    * slots, n]; gate and up as halves of one product; the last product reshaped [seq, slots, n], Mul by weights
//    reshaped [seq, slots, 1], ReduceSum over axis 1, reshaped [seq, n].
//  - argmax of x [rows, n]: Cast(Neg(ReduceMax(Select(Eq(x, ReduceMax(x)), Neg(Cast(Iota(0, n), float32)), -n))),
//  int32)
//    reshaped [rows].
class Builder {
 public:
  NodeId Tokens();
  NodeId Input(absl::string_view name, kernels::DType dtype, std::vector<runtime::Dim> shape);
  NodeId Weight(absl::string_view name, kernels::DType dtype, std::vector<int64_t> shape, runtime::WeightInit init);
  NodeId Constant(kernels::DType dtype, std::vector<int64_t> shape, std::vector<double> values);
  NodeId Scalar(kernels::DType dtype, double value) { return Constant(dtype, {}, {value}); }
  // A KV buffer whose rows have this shape; used through CacheWrite only.
  NodeId State(absl::string_view name, kernels::DType dtype, std::vector<int64_t> row_shape);
  NodeId Iota(runtime::Dim start, runtime::Dim size);

  NodeId Unary(kernels::Op op, NodeId x);
  NodeId Binary(kernels::Op op, NodeId a, NodeId b);
  NodeId Binary(kernels::Op op, NodeId a, double b);
  NodeId Neg(NodeId x) { return Unary(kernels::Op::kNeg, x); }
  NodeId Exp(NodeId x) { return Unary(kernels::Op::kExp, x); }
  NodeId Tanh(NodeId x) { return Unary(kernels::Op::kTanh, x); }
  NodeId Sigmoid(NodeId x) { return Unary(kernels::Op::kSigmoid, x); }
  NodeId Rsqrt(NodeId x) { return Unary(kernels::Op::kRsqrt, x); }
  NodeId Cos(NodeId x) { return Unary(kernels::Op::kCos, x); }
  NodeId Sin(NodeId x) { return Unary(kernels::Op::kSin, x); }
  template <typename B>
  NodeId Add(NodeId a, B b) {
    return Binary(kernels::Op::kAdd, a, b);
  }
  template <typename B>
  NodeId Sub(NodeId a, B b) {
    return Binary(kernels::Op::kSub, a, b);
  }
  template <typename B>
  NodeId Mul(NodeId a, B b) {
    return Binary(kernels::Op::kMul, a, b);
  }
  template <typename B>
  NodeId Div(NodeId a, B b) {
    return Binary(kernels::Op::kDiv, a, b);
  }
  NodeId Le(NodeId a, NodeId b) { return Binary(kernels::Op::kLe, a, b); }
  NodeId Eq(NodeId a, NodeId b) { return Binary(kernels::Op::kEq, a, b); }
  NodeId Gt(NodeId a, NodeId b) { return Binary(kernels::Op::kGt, a, b); }
  NodeId And(NodeId a, NodeId b) { return Binary(kernels::Op::kAnd, a, b); }
  NodeId Select(NodeId condition, NodeId a, NodeId b);
  NodeId Select(NodeId condition, NodeId a, double b);
  NodeId Cast(NodeId x, kernels::DType dtype);

  NodeId ReduceSum(NodeId x, int axis);  // Negative axes count from the end, here and below.
  NodeId ReduceMax(NodeId x, int axis);
  NodeId Matmul(NodeId a, NodeId b, bool transpose_b);
  struct TopKColumns {
    NodeId values = -1;   // [rows, k], falling.
    NodeId columns = -1;  // int32 [rows, k].
  };
  TopKColumns TopK(NodeId x, int64_t k);  // Of each row of x [rows, n].
  NodeId Gather(NodeId table, NodeId indices);
  NodeId CacheWrite(NodeId state, NodeId rows);
  NodeId Reshape(NodeId x, std::vector<runtime::Dim> shape);
  NodeId Transpose(NodeId x, std::vector<int64_t> permutation);
  NodeId Broadcast(NodeId x, std::vector<runtime::Dim> shape);
  NodeId Slice(NodeId x, int axis, runtime::Dim start, runtime::Dim end);
  NodeId Concat(std::vector<NodeId> parts, int axis);

  // The type of a node; an empty float32 scalar for the invalid id.
  const TensorType& type(NodeId id) const;

  // The finished model with `logits` ([1, vocab]) as its result, or the first error. The builder is empty afterwards.
  absl::StatusOr<Graph> Finish(NodeId logits);
  // The same for a part of a model, with results of any type.
  absl::StatusOr<Graph> Finish(std::vector<NodeId> results);

 private:
  NodeId Append(kernels::Op op, std::vector<NodeId> inputs, kernels::Attributes attributes = {},
                TensorType declared = {});
  int64_t Axis(NodeId x, int axis) const;

  Graph graph_;
  absl::Status error_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_IR_BUILDER_H_
