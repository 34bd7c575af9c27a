#ifndef METRONOME_KERNELS_CATALOGUE_CATALOGUE_H_
#define METRONOME_KERNELS_CATALOGUE_CATALOGUE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/catalogue/op_table.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels {

// The work of one launch, for rooflines: what the algorithm must do, not what an implementation happens to.
struct KernelCost {
  int64_t flops = 0;  // A multiply-add counts 2.
  int64_t bytes = 0;  // Each operand read or written once.
};

// A kernel as every backend must provide it. ops.h lists them, the table below the class says what they mean; each op
// of the IR has the kernel of the same name.
struct KernelSpec {
  absl::string_view name;
  Op op = Op::kTokens;
  int min_inputs = 0;
  int max_inputs = 0;
  // Checks dtypes, ranks, sizes and attributes; InvalidArgument names the kernel, the operand and both sizes.
  absl::Status (*check)(const KernelArgs& args) = nullptr;
  KernelCost (*cost)(const KernelArgs& args) = nullptr;
  int min_outputs = 1;
  int max_outputs = 1;
};

// nullptr for an unknown name.
const KernelSpec* FindKernelSpec(absl::string_view name);
absl::Span<const KernelSpec> KernelCatalogue();

// FindKernelSpec + arity + check. NotFound for an unknown name.
absl::Status CheckKernelArgs(absl::string_view name, const KernelArgs& args);

// clang-format off
//
// Names and meanings. Tensors are dense and row-major; T is any float dtype, one per launch unless said otherwise; arithmetic is in
// float32, rounded once to the output's dtype. "broadcast" is NumPy's rule, right-aligned.
//
//  Primitives
//   neg exp tanh sigmoid rsqrt cos sin   (x T) -> T, elementwise.
//   add sub mul div maximum minimum      (a T, b T) -> T, broadcast. Also int32.
//   lt le gt ge eq                       (a, b) -> bool, broadcast; a and b float or int32 alike.
//   and                                  (a bool, b bool) -> bool, broadcast.
//   select                               (cond bool, a T, b T) -> T, broadcast.
//   cast                                 (x any) -> any; float to int32 truncates.
//   reduce_sum reduce_max                (x T) -> T; attribute axis (>= 0); the axis is kept with size 1.
//   matmul                               (a [..., M, K], b [..., K, N], or [..., N, K] with transpose_b=1) -> [..., M, N]; batch axes
//                                        broadcast. The output may be float32 where the inputs are narrower.
//   gather                               (table [V, ...] any, indices int32 [n]) -> [n, ...]; OutOfRange for an index outside [0, V).
//   cache_write                          (cache [capacity, ...], rows [n, ...]) -> the cache's first output.shape[0] rows, in place
//                                        (output.data == inputs[0].data); `rows` become its last n rows.
//   transpose                            (x) -> x with axes permuted: output axis i is input axis permutation[i].
//   broadcast                            (x) -> output shape.
//   slice                                (x) -> output; attributes axis, start (>= 0). Sizes come from the output shape.
//   concat                               (x0, x1, ...) -> output; attribute axis.
//   iota                                 () -> int32 [n]; output[i] = start + i; attribute start.
//   top_k                                (x T [rows, n]) -> T [rows, k], int32 [rows, k]: the k largest of each row, falling, and their
//                                        columns; of equals the first. Attribute k. NaN counts as -infinity.
//  Fused
//   softmax                              (x T [..., n]) -> T; over the last axis.
//   rms_norm                             (x T [..., n], optional weight T [n]) -> T. y = x / sqrt(mean(x^2) + eps) * (weight_offset + w).
//                                        round_before_weight=1: x / sqrt(...) is rounded to T before the product (Llama, Qwen).
//   add_rms_norm                         (a T [..., n], b T, optional weight T [n]) -> T a + b, T rms_norm(a + b).
//   rope                                 (x T [n, heads, d], cos T [n, d], sin T [n, d]) -> T. y = x * cos + rotate_half(x) * sin with
//                                        rotate_half(x) = [-x[d/2:], x[:d/2]]; d even.
//   attention                            (q T [n, nq, d], k T [kv, nkv, d], v T [kv, nkv, dv]) -> T [n, nq, dv]. Causal softmax attention
//                                        with nq % nkv == 0 and query row i at position kv - n + i. Attributes scale (> 0), window (0 =
//                                        unbounded, else the number of visible keys, itself included).
//   linear                               (x T [m, k], w T [n, k], bias T [n] if has_bias=1, residual T [m, n] if has_residual=1, norm T
//                                        [k] if has_norm=1) -> T [m, n] or float32. y = x * w^T + bias + residual, rounded once.
//                                        Attribute activation, not with a residual: act(y) of the rounded y. With has_norm=1, here and
//                                        below, x is first replaced by rms_norm(x, norm), whose attributes the product has too.
//   linear_group                         (x T [m, k], w0 T [n0, k], w1, ..., then b0 T [n0], b1, ... if has_bias=1, norm T [k] if
//                                        has_norm=1) -> T [m, n0], T [m, n1], ...: 2 to 8 products of one x.
//   gated_activation                     (gate T, up T) -> T. act(gate) * up; attribute activation = "silu" | "gelu_tanh". act is rounded
//                                        to T before the product.
//   gated_linear                         (x T [m, k], gate T [n, k], up T [n, k], norm T [k] if has_norm=1) -> T [m, n]:
//                                        gated_activation of the two products, each rounded to T.
//   qkv_rope_cache                       (x T [m, k], wq T [nq * d, k], wk T [nkv * d, k], wv T [nkv * dv, k], cos T [m, d], sin T [m, d],
//                                        k cache T [capacity, nkv, d], v cache T [capacity, nkv, dv], then bq, bk, bv if has_bias=1,
//                                        q norm T [d], k norm T [d] if has_head_norm=1, norm T [k] if has_norm=1) -> T [m, nq, d],
//                                        the first rows of both caches as cache_write has them. linear_group of x; rms_norm of each
//                                        head of q and k with the attributes head_eps, head_weight_offset, head_round_before_weight;
//                                        rope of q and k; cache_write of k and v: rounded after each.
//   embedding                            (table T [V, ...], indices int32 [n]) -> T [n, ...]: gather, times the attribute scale.
//   softcap                              (x T) -> T; cap * tanh(x / cap), attribute cap > 0.
//   argmax                               (x T [rows, n]) -> int32 [rows]: the first column of the largest value; n in a row with a NaN.
//   expert_linear                        (x T [rows, k], experts T [E, n, k], index int32 [rows]) -> T [rows, n]: row i times the
//                                        transpose of expert index[i]. OutOfRange for an index outside [0, E), here and below.
//   gated_experts                        (x T [m, k], experts T [E, 2 n, k], index int32 [m * slots]) -> T [m * slots, n]:
//                                        gated_activation of the two halves of expert_linear of x's rows, each repeated slots times.
//   expert_mix                           (x T [m * slots, k], experts T [E, n, k], index int32 [m * slots], weights T [m, slots]) ->
//                                        T [m, n]: sums of expert_linear's rows, rounded, times their weights, rounded; one rounding of
//                                        the sum.
//   fused                                (x0 any, x1 any, ...) -> any, ...: 1 to 8 inputs and 1 to 4 outputs that broadcast to one shape;
//                                        outputs have that shape, or that of its rows where they are reduced. Attribute program (fused_program.h): the
//                                        elementwise primitives and reductions of the last axis, each rounded as by itself.
//
// clang-format on

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CATALOGUE_CATALOGUE_H_
