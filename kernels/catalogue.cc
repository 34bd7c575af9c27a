#include "kernels/catalogue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/catalogue_check.h"
#include "kernels/fused_program.h"
#include "kernels/norm_prologue.h"
#include "kernels/qkv_rope_cache.h"
#include "runtime/base/status_macros.h"

namespace metronome {

absl::Status Reject(const KernelArgs& args, absl::string_view why) {
  const auto append = [](std::string* out, const TensorView& view) {
    absl::StrAppend(out, Name(view.dtype), "[", absl::StrJoin(view.shape.dims(), ", "), "]");
  };
  return absl::InvalidArgumentError(absl::StrCat("(", absl::StrJoin(args.inputs, ", ", append), ") -> ",
                                                 absl::StrJoin(args.outputs, ", ", append), ": ", why));
}

namespace {

const TensorView& Out(const KernelArgs& args) { return args.outputs[0]; }

bool BroadcastsTo(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const int64_t size = from[axis], target = to[axis + to.rank() - from.rank()];
    if (size != target && size != 1) return false;
  }
  return true;
}

bool AllBroadcast(const KernelArgs& args) {
  return std::all_of(args.inputs.begin(), args.inputs.end(),
                     [&](const TensorView& in) { return BroadcastsTo(in.shape, Out(args).shape); });
}

absl::Status CheckUnary(const KernelArgs& args) {
  METRONOME_REQUIRE(IsFloat(args.inputs[0].dtype) && Out(args).dtype == args.inputs[0].dtype, "needs one float dtype");
  METRONOME_REQUIRE(Out(args).shape == args.inputs[0].shape, "shapes differ");
  return absl::OkStatus();
}

absl::Status CheckBinary(const KernelArgs& args) {
  const DType dtype = Out(args).dtype;
  METRONOME_REQUIRE(dtype != DType::kBool && args.inputs[0].dtype == dtype && args.inputs[1].dtype == dtype,
                    "dtypes differ");
  METRONOME_REQUIRE(AllBroadcast(args), "shapes do not broadcast");
  return absl::OkStatus();
}

absl::Status CheckCompare(const KernelArgs& args) {
  METRONOME_REQUIRE(args.inputs[0].dtype == args.inputs[1].dtype && args.inputs[0].dtype != DType::kBool,
                    "dtypes differ");
  METRONOME_REQUIRE(Out(args).dtype == DType::kBool && AllBroadcast(args),
                    "needs a bool output the operands broadcast to");
  return absl::OkStatus();
}

absl::Status CheckAnd(const KernelArgs& args) {
  METRONOME_REQUIRE(
      args.inputs[0].dtype == DType::kBool && args.inputs[1].dtype == DType::kBool && Out(args).dtype == DType::kBool,
      "needs bool operands");
  METRONOME_REQUIRE(AllBroadcast(args), "shapes do not broadcast");
  return absl::OkStatus();
}

absl::Status CheckSelect(const KernelArgs& args) {
  METRONOME_REQUIRE(args.inputs[0].dtype == DType::kBool && args.inputs[1].dtype == Out(args).dtype &&
                        args.inputs[2].dtype == Out(args).dtype,
                    "needs a bool condition and one dtype");
  METRONOME_REQUIRE(AllBroadcast(args), "shapes do not broadcast");
  return absl::OkStatus();
}

absl::Status CheckSameShape(const KernelArgs& args) {
  METRONOME_REQUIRE(Out(args).shape == args.inputs[0].shape, "shapes differ");
  return absl::OkStatus();
}

int64_t AxisOf(const KernelArgs& args) { return args.attributes->Int("axis", -1); }

absl::Status CheckAxis(const KernelArgs& args) {
  METRONOME_REQUIRE(AxisOf(args) >= 0 && AxisOf(args) < args.inputs[0].shape.rank(),
                    absl::StrCat("no axis ", AxisOf(args)));
  for (const TensorView& in : args.inputs) {
    METRONOME_REQUIRE(in.dtype == Out(args).dtype && in.shape.rank() == Out(args).shape.rank(),
                      "dtypes or ranks differ");
    for (int axis = 0; axis < in.shape.rank(); ++axis) {
      METRONOME_REQUIRE(axis == AxisOf(args) || in.shape[axis] == Out(args).shape[axis],
                        "sizes differ outside the axis");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReduce(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckAxis(args));
  METRONOME_REQUIRE(IsFloat(Out(args).dtype) && Out(args).shape[static_cast<int>(AxisOf(args))] == 1,
                    "needs a float and size 1 on the axis");
  return absl::OkStatus();
}

absl::Status CheckSlice(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckAxis(args));
  const int axis = static_cast<int>(AxisOf(args));
  const int64_t start = args.attributes->Int("start", -1);
  METRONOME_REQUIRE(start >= 0 && start <= args.inputs[0].shape[axis] - Out(args).shape[axis],
                    absl::StrCat("start ", start, " leaves the axis"));
  return absl::OkStatus();
}

absl::Status CheckConcat(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckAxis(args));
  const int axis = static_cast<int>(AxisOf(args));
  int64_t total = 0;
  for (const TensorView& in : args.inputs) total += in.shape[axis];
  METRONOME_REQUIRE(total == Out(args).shape[axis], "parts do not add up");
  return absl::OkStatus();
}

absl::Status CheckMatmul(const KernelArgs& args) {
  const Shape &a = args.inputs[0].shape, &b = args.inputs[1].shape, &c = Out(args).shape;
  METRONOME_REQUIRE(IsFloat(args.inputs[0].dtype) && args.inputs[0].dtype == args.inputs[1].dtype,
                    "operands must share a float dtype");
  METRONOME_REQUIRE(Out(args).dtype == args.inputs[0].dtype || Out(args).dtype == DType::kFloat32, "bad output dtype");
  METRONOME_REQUIRE(a.rank() >= 2 && b.rank() >= 2 && c.rank() == std::max(a.rank(), b.rank()), "needs matrices");
  const bool transposed = args.attributes->Int("transpose_b") != 0;
  const int64_t inner = b[b.rank() - (transposed ? 1 : 2)], columns = b[b.rank() - (transposed ? 2 : 1)];
  METRONOME_REQUIRE(a.back() == inner && c[c.rank() - 2] == a[a.rank() - 2] && c.back() == columns,
                    "matrix sizes differ");
  const Shape batch(c.dims().subspan(0, c.rank() - 2));
  METRONOME_REQUIRE(BroadcastsTo(Shape(a.dims().subspan(0, a.rank() - 2)), batch) &&
                        BroadcastsTo(Shape(b.dims().subspan(0, b.rank() - 2)), batch),
                    "batch axes do not broadcast");
  return absl::OkStatus();
}

absl::Status CheckGather(const KernelArgs& args) {
  Shape expected = args.inputs[0].shape;
  METRONOME_REQUIRE(expected.rank() >= 1 && args.inputs[1].dtype == DType::kInt32 && args.inputs[1].shape.rank() == 1,
                    "needs a table and int32 [n]");
  expected[0] = args.inputs[1].shape[0];
  METRONOME_REQUIRE(Out(args).shape == expected && Out(args).dtype == args.inputs[0].dtype, "the output does not fit");
  return absl::OkStatus();
}

absl::Status CheckCacheWrite(const KernelArgs& args) {
  const TensorView &cache = args.inputs[0], &rows = args.inputs[1];
  METRONOME_REQUIRE(cache.dtype == rows.dtype && cache.dtype == Out(args).dtype, "dtypes differ");
  METRONOME_REQUIRE(cache.shape.rank() >= 1 && rows.shape.rank() == cache.shape.rank() &&
                        Out(args).shape.rank() == cache.shape.rank(),
                    "ranks differ");
  METRONOME_REQUIRE(
      std::equal(cache.shape.dims().begin() + 1, cache.shape.dims().end(), rows.shape.dims().begin() + 1) &&
          std::equal(cache.shape.dims().begin() + 1, cache.shape.dims().end(), Out(args).shape.dims().begin() + 1),
      "rows differ in shape");
  METRONOME_REQUIRE(rows.shape[0] <= Out(args).shape[0] && Out(args).shape[0] <= cache.shape[0],
                    "more rows than capacity");
  return absl::OkStatus();
}

absl::Status CheckTranspose(const KernelArgs& args) {
  const std::vector<int64_t>& permutation = args.attributes->Ints("permutation");
  const int rank = args.inputs[0].shape.rank();
  METRONOME_REQUIRE(static_cast<int>(permutation.size()) == rank && Out(args).shape.rank() == rank &&
                        Out(args).dtype == args.inputs[0].dtype,
                    "needs one entry per axis");
  uint32_t seen = 0;
  for (int axis = 0; axis < rank; ++axis) {
    METRONOME_REQUIRE(permutation[axis] >= 0 && permutation[axis] < rank, "not a permutation");
    seen |= 1u << permutation[axis];
    METRONOME_REQUIRE(Out(args).shape[axis] == args.inputs[0].shape[static_cast<int>(permutation[axis])],
                      "sizes differ");
  }
  METRONOME_REQUIRE(seen == (1u << rank) - 1, "not a permutation");
  return absl::OkStatus();
}

absl::Status CheckBroadcast(const KernelArgs& args) {
  METRONOME_REQUIRE(Out(args).dtype == args.inputs[0].dtype && AllBroadcast(args), "does not broadcast");
  return absl::OkStatus();
}

absl::Status CheckIota(const KernelArgs& args) {
  METRONOME_REQUIRE(Out(args).dtype == DType::kInt32 && Out(args).shape.rank() == 1, "needs int32 [n]");
  return absl::OkStatus();
}

absl::Status CheckSoftmax(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckUnary(args));
  METRONOME_REQUIRE(Out(args).shape.rank() >= 1, "needs an axis");
  return absl::OkStatus();
}

absl::Status CheckRmsNorm(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckSoftmax(args));
  METRONOME_REQUIRE(args.attributes->Float("eps") >= 0, "eps is negative");
  if (args.inputs.size() == 2) {
    METRONOME_REQUIRE(
        args.inputs[1].dtype == Out(args).dtype && args.inputs[1].shape == Shape({Out(args).shape.back()}),
        "the weight does not fit the last axis");
  }
  return absl::OkStatus();
}

absl::Status CheckRope(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckUnary(args));
  const Shape& x = args.inputs[0].shape;
  METRONOME_REQUIRE(x.rank() == 3 && x[2] % 2 == 0, "needs [n, heads, even d]");
  for (const TensorView& table : args.inputs.subspan(1)) {
    METRONOME_REQUIRE(table.dtype == Out(args).dtype && table.shape == Shape({x[0], x[2]}), "tables must be [n, d]");
  }
  return absl::OkStatus();
}

absl::Status CheckAttention(const KernelArgs& args) {
  const Shape &q = args.inputs[0].shape, &k = args.inputs[1].shape, &v = args.inputs[2].shape;
  for (const TensorView& in : args.inputs) {
    METRONOME_REQUIRE(in.dtype == Out(args).dtype && IsFloat(in.dtype) && in.shape.rank() == 3,
                      "needs one float dtype and rank 3");
  }
  METRONOME_REQUIRE(q[2] == k[2] && k[0] == v[0] && k[1] == v[1] && Out(args).shape == Shape({q[0], q[1], v[2]}),
                    "sizes differ");
  METRONOME_REQUIRE(k[1] > 0 && q[1] % k[1] == 0, "query heads are no multiple of key heads");
  METRONOME_REQUIRE(q[0] <= k[0], "more queries than positions");
  METRONOME_REQUIRE(args.attributes->Float("scale") > 0 && args.attributes->Int("window") >= 0,
                    "needs scale > 0 and window >= 0");
  return absl::OkStatus();
}

bool IsActivation(absl::string_view name) { return name == "silu" || name == "gelu_tanh"; }

absl::Status CheckProduct(const KernelArgs& args, const TensorView& w, const TensorView* bias, const TensorView& y) {
  const TensorView& x = args.inputs[0];
  METRONOME_REQUIRE(IsFloat(x.dtype) && x.dtype == w.dtype && y.dtype == x.dtype, "dtypes differ");
  METRONOME_REQUIRE(x.shape.rank() == 2 && w.shape.rank() == 2 && x.shape[1] == w.shape[1], "needs [m, k] and [n, k]");
  METRONOME_REQUIRE(y.shape == Shape({x.shape[0], w.shape[0]}), "an output is not [m, n]");
  METRONOME_REQUIRE(bias == nullptr || (bias->dtype == x.dtype && bias->shape == Shape({w.shape[0]})),
                    "a bias is not [n]");
  return absl::OkStatus();
}

absl::Status CheckNormPrologue(const KernelArgs& args) {
  if (!HasNorm(args)) return absl::OkStatus();
  METRONOME_REQUIRE(args.inputs.size() >= 3, "wrong number of operands");
  const TensorView &x = args.inputs[0], &norm = args.inputs.back();
  METRONOME_REQUIRE(x.shape.rank() == 2 && norm.dtype == x.dtype && norm.shape == Shape({x.shape[1]}),
                    "the norm's weight is not [k]");
  METRONOME_REQUIRE(args.attributes->Float("eps") >= 0, "eps is negative");
  return absl::OkStatus();
}

absl::Status CheckLinearGroup(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckNormPrologue(args));
  const bool has_bias = args.attributes->Int("has_bias") != 0;
  const size_t count = args.outputs.size();
  METRONOME_REQUIRE(WithoutNorm(args).inputs.size() == 1 + count * (has_bias ? 2 : 1), "wrong number of operands");
  for (size_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(
        CheckProduct(args, args.inputs[1 + i], has_bias ? &args.inputs[1 + count + i] : nullptr, args.outputs[i]));
  }
  return absl::OkStatus();
}

absl::Status CheckGatedLinear(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckNormPrologue(args));
  METRONOME_REQUIRE(WithoutNorm(args).inputs.size() == 3, "wrong number of operands");
  RETURN_IF_ERROR(CheckProduct(args, args.inputs[1], nullptr, Out(args)));
  RETURN_IF_ERROR(CheckProduct(args, args.inputs[2], nullptr, Out(args)));
  METRONOME_REQUIRE(IsActivation(args.attributes->String("activation")),
                    absl::StrCat("unknown activation '", args.attributes->String("activation"), "'"));
  return absl::OkStatus();
}

absl::Status CheckAddRmsNorm(const KernelArgs& args) {
  const KernelArgs norm = {
      .inputs = args.inputs.subspan(1), .outputs = args.outputs.subspan(1), .attributes = args.attributes};
  RETURN_IF_ERROR(CheckRmsNorm(norm));
  METRONOME_REQUIRE(args.inputs[0].dtype == Out(args).dtype && args.inputs[1].dtype == Out(args).dtype &&
                        args.inputs[0].shape == Out(args).shape && args.inputs[1].shape == Out(args).shape,
                    "the terms and the sum differ");
  return absl::OkStatus();
}

absl::Status CheckEmbedding(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckGather(args));
  METRONOME_REQUIRE(IsFloat(Out(args).dtype), "needs a float table");
  return absl::OkStatus();
}

absl::Status CheckSoftcap(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckUnary(args));
  METRONOME_REQUIRE(args.attributes->Float("cap") > 0, "cap is not above 0");
  return absl::OkStatus();
}

absl::Status CheckTopK(const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  const int64_t k = args.attributes->Int("k");
  METRONOME_REQUIRE(IsFloat(x.dtype) && x.shape.rank() == 2, "needs float [rows, n]");
  METRONOME_REQUIRE(k >= 1 && k <= x.shape[1], absl::StrCat("k ", k, " is not in [1, n]"));
  METRONOME_REQUIRE(Out(args).dtype == x.dtype && Out(args).shape == Shape({x.shape[0], k}) &&
                        args.outputs[1].dtype == DType::kInt32 && args.outputs[1].shape == Out(args).shape,
                    "needs values [rows, k] and int32 columns [rows, k]");
  return absl::OkStatus();
}

// x [rows, k], experts [E, n, k], index int32 [slots] -> [.., outputs].
absl::Status CheckExperts(const KernelArgs& args, int64_t rows, int64_t outputs) {
  const TensorView &x = args.inputs[0], &experts = args.inputs[1], &index = args.inputs[2], &y = Out(args);
  METRONOME_REQUIRE(IsFloat(x.dtype) && experts.dtype == x.dtype && y.dtype == x.dtype && index.dtype == DType::kInt32,
                    "dtypes differ");
  METRONOME_REQUIRE(x.shape.rank() == 2 && index.shape.rank() == 1 && x.shape[1] == experts.shape[2],
                    "needs [rows, k], [E, n, k] and int32 [slots]");
  METRONOME_REQUIRE(y.shape == Shape({rows, outputs}), "the output is not [rows, n]");
  return absl::OkStatus();
}

absl::Status CheckExpertLinear(const KernelArgs& args) {
  METRONOME_REQUIRE(args.inputs[1].shape.rank() == 3, "needs [E, n, k]");
  METRONOME_REQUIRE(args.inputs[0].shape[0] == args.inputs[2].shape[0], "needs an index for each row");
  return CheckExperts(args, args.inputs[0].shape[0], args.inputs[1].shape[1]);
}

absl::Status CheckGatedExperts(const KernelArgs& args) {
  METRONOME_REQUIRE(args.inputs[1].shape.rank() == 3 && args.inputs[1].shape[1] % 2 == 0, "needs [E, 2 n, k]");
  const int64_t rows = args.inputs[0].shape[0], slots = args.inputs[2].elements();
  METRONOME_REQUIRE(rows == 0 ? slots == 0 : slots % rows == 0, "indices are no multiple of the rows");
  METRONOME_REQUIRE(IsActivation(args.attributes->String("activation")),
                    absl::StrCat("unknown activation '", args.attributes->String("activation"), "'"));
  return CheckExperts(args, slots, args.inputs[1].shape[1] / 2);
}

absl::Status CheckExpertMix(const KernelArgs& args) {
  const TensorView& weights = args.inputs[3];
  METRONOME_REQUIRE(args.inputs[1].shape.rank() == 3, "needs [E, n, k]");
  METRONOME_REQUIRE(weights.dtype == args.inputs[0].dtype && weights.shape.rank() == 2 &&
                        weights.elements() == args.inputs[2].elements() &&
                        args.inputs[0].shape[0] == args.inputs[2].shape[0],
                    "needs an index and a weight for each row");
  return CheckExperts(args, weights.shape[0], args.inputs[1].shape[1]);
}

absl::Status CheckArgmax(const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  METRONOME_REQUIRE(IsFloat(x.dtype) && x.shape.rank() == 2 && x.shape[1] > 0, "needs float [rows, n], n > 0");
  METRONOME_REQUIRE(Out(args).dtype == DType::kInt32 && Out(args).shape == Shape({x.shape[0]}), "needs int32 [rows]");
  return absl::OkStatus();
}

absl::Status CheckLinear(const KernelArgs& args) {
  RETURN_IF_ERROR(CheckNormPrologue(args));
  const int64_t has_bias = args.attributes->Int("has_bias"), has_residual = args.attributes->Int("has_residual");
  const absl::Span<const TensorView> inputs = WithoutNorm(args).inputs;
  METRONOME_REQUIRE(static_cast<int64_t>(inputs.size()) == 2 + has_bias + has_residual, "wrong number of operands");
  const TensorView &x = args.inputs[0], &w = args.inputs[1];
  METRONOME_REQUIRE(
      IsFloat(x.dtype) && x.dtype == w.dtype && (Out(args).dtype == x.dtype || Out(args).dtype == DType::kFloat32),
      "dtypes differ");
  METRONOME_REQUIRE(x.shape.rank() == 2 && w.shape.rank() == 2 && x.shape[1] == w.shape[1], "needs [m, k] and [n, k]");
  METRONOME_REQUIRE(Out(args).shape == Shape({x.shape[0], w.shape[0]}), "the output is not [m, n]");
  if (has_bias != 0)
    METRONOME_REQUIRE(args.inputs[2].dtype == x.dtype && args.inputs[2].shape == Shape({w.shape[0]}),
                      "the bias is not [n]");
  const absl::string_view activation = args.attributes->String("activation");
  METRONOME_REQUIRE(activation.empty() || (IsActivation(activation) && has_residual == 0),
                    absl::StrCat("cannot apply activation '", activation, "'"));
  if (has_residual != 0) {
    METRONOME_REQUIRE(inputs.back().dtype == x.dtype && inputs.back().shape == Out(args).shape,
                      "the residual is not [m, n]");
  }
  return absl::OkStatus();
}

absl::Status CheckGatedActivation(const KernelArgs& args) {
  METRONOME_REQUIRE(Out(args).shape.rank() >= 1, "needs an axis");
  RETURN_IF_ERROR(CheckUnary(args));
  METRONOME_REQUIRE(args.inputs[1].dtype == Out(args).dtype && args.inputs[1].shape == Out(args).shape,
                    "gate and up differ");
  const absl::string_view activation = args.attributes->String("activation");
  METRONOME_REQUIRE(IsActivation(activation), absl::StrCat("unknown activation '", activation, "'"));
  return absl::OkStatus();
}

int64_t OperandBytes(const KernelArgs& args) {
  int64_t bytes = 0;
  for (const TensorView& in : args.inputs) bytes += in.bytes();
  for (const TensorView& out : args.outputs) bytes += out.bytes();
  return bytes;
}

KernelCost MoveCost(const KernelArgs& args) { return {.flops = 0, .bytes = 2 * Out(args).bytes()}; }
KernelCost ElementwiseCost(const KernelArgs& args) {
  return {.flops = Out(args).elements(), .bytes = OperandBytes(args)};
}
KernelCost ReduceCost(const KernelArgs& args) {
  return {.flops = args.inputs[0].elements(), .bytes = OperandBytes(args)};
}
KernelCost RowCost(const KernelArgs& args) { return {.flops = 4 * Out(args).elements(), .bytes = OperandBytes(args)}; }
int64_t NormFlops(const KernelArgs& args) { return HasNorm(args) ? 4 * args.inputs[0].elements() : 0; }
KernelCost ProductCost(const KernelArgs& args) {
  return {.flops = 2 * Out(args).elements() * args.inputs[0].shape.back() + NormFlops(args),
          .bytes = OperandBytes(args)};
}
KernelCost GroupCost(const KernelArgs& args) {
  KernelCost cost = {.flops = NormFlops(args), .bytes = OperandBytes(args)};
  for (const TensorView& w : WithoutNorm(args).inputs.subspan(1))
    cost.flops += 2 * args.inputs[0].shape[0] * w.elements();
  return cost;
}
// Inactive experts are not touched; indices may name as many experts as there are.
KernelCost ExpertCost(const KernelArgs& args) {
  const TensorView &experts = args.inputs[1], &index = args.inputs[2];
  const int64_t count = experts.shape[0], one = count == 0 ? 0 : experts.elements() / count;
  const int64_t active = std::min(count, index.elements());
  return {.flops = 2 * index.elements() * one,
          .bytes = OperandBytes(args) - experts.bytes() + active * one * static_cast<int64_t>(SizeOf(experts.dtype))};
}
KernelCost CacheWriteCost(const KernelArgs& args) { return {.flops = 0, .bytes = 2 * args.inputs[1].bytes()}; }
KernelCost GatherCost(const KernelArgs& args) {
  return {.flops = 0, .bytes = 2 * Out(args).bytes() + args.inputs[1].bytes()};
}
KernelCost AttentionCost(const KernelArgs& args) {
  const Shape &q = args.inputs[0].shape, &k = args.inputs[1].shape, &v = args.inputs[2].shape;
  const int64_t window = args.attributes->Int("window");
  const int64_t visible = window > 0 ? std::min(window + q[0] - 1, k[0]) : k[0];
  const int64_t row_bytes = (k[1] * k[2] + v[1] * v[2]) * static_cast<int64_t>(SizeOf(args.inputs[1].dtype));
  return {.flops = 2 * q[0] * q[1] * visible * (q[2] + v[2]),
          .bytes = args.inputs[0].bytes() + Out(args).bytes() + visible * row_bytes};
}

constexpr KernelSpec kCatalogue[] = {
    {"neg", 1, 1, CheckUnary, ElementwiseCost},
    {"exp", 1, 1, CheckUnary, ElementwiseCost},
    {"tanh", 1, 1, CheckUnary, ElementwiseCost},
    {"sigmoid", 1, 1, CheckUnary, ElementwiseCost},
    {"rsqrt", 1, 1, CheckUnary, ElementwiseCost},
    {"cos", 1, 1, CheckUnary, ElementwiseCost},
    {"sin", 1, 1, CheckUnary, ElementwiseCost},
    {"add", 2, 2, CheckBinary, ElementwiseCost},
    {"sub", 2, 2, CheckBinary, ElementwiseCost},
    {"mul", 2, 2, CheckBinary, ElementwiseCost},
    {"div", 2, 2, CheckBinary, ElementwiseCost},
    {"maximum", 2, 2, CheckBinary, ElementwiseCost},
    {"minimum", 2, 2, CheckBinary, ElementwiseCost},
    {"lt", 2, 2, CheckCompare, ElementwiseCost},
    {"le", 2, 2, CheckCompare, ElementwiseCost},
    {"gt", 2, 2, CheckCompare, ElementwiseCost},
    {"ge", 2, 2, CheckCompare, ElementwiseCost},
    {"eq", 2, 2, CheckCompare, ElementwiseCost},
    {"and", 2, 2, CheckAnd, ElementwiseCost},
    {"select", 3, 3, CheckSelect, ElementwiseCost},
    {"cast", 1, 1, CheckSameShape, ElementwiseCost},
    {"reduce_sum", 1, 1, CheckReduce, ReduceCost},
    {"reduce_max", 1, 1, CheckReduce, ReduceCost},
    {"matmul", 2, 2, CheckMatmul, ProductCost},
    {"gather", 2, 2, CheckGather, GatherCost},
    {"cache_write", 2, 2, CheckCacheWrite, CacheWriteCost},
    {"transpose", 1, 1, CheckTranspose, MoveCost},
    {"broadcast", 1, 1, CheckBroadcast, MoveCost},
    {"slice", 1, 1, CheckSlice, MoveCost},
    {"concat", 1, 64, CheckConcat, MoveCost},
    {"iota", 0, 0, CheckIota, MoveCost},
    {"softmax", 1, 1, CheckSoftmax, RowCost},
    {"rms_norm", 1, 2, CheckRmsNorm, RowCost},
    {"rope", 3, 3, CheckRope, RowCost},
    {"attention", 3, 3, CheckAttention, AttentionCost},
    {"linear", 2, 5, CheckLinear, ProductCost},
    {"linear_group", 3, 18, CheckLinearGroup, GroupCost, 2, 8},
    {"gated_linear", 3, 4, CheckGatedLinear, GroupCost},
    {"qkv_rope_cache", 8, 14, CheckQkvRopeCache, QkvRopeCacheCost, 3, 3},
    {"gated_activation", 2, 2, CheckGatedActivation, RowCost},
    {"add_rms_norm", 2, 3, CheckAddRmsNorm, RowCost, 2, 2},
    {"embedding", 2, 2, CheckEmbedding, GatherCost},
    {"softcap", 1, 1, CheckSoftcap, RowCost},
    {"argmax", 1, 1, CheckArgmax, ReduceCost},
    {"top_k", 1, 1, CheckTopK, RowCost, 2, 2},
    {"expert_linear", 3, 3, CheckExpertLinear, ExpertCost},
    {"gated_experts", 3, 3, CheckGatedExperts, ExpertCost},
    {"expert_mix", 4, 4, CheckExpertMix, ExpertCost},
    {"fused", 1, kMaxFusedInputs, CheckFused, FusedCost, 1, kMaxFusedOutputs},
};

}  // namespace

absl::Span<const KernelSpec> KernelCatalogue() { return kCatalogue; }

const KernelSpec* FindKernelSpec(absl::string_view name) {
  for (const KernelSpec& spec : kCatalogue) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

absl::Status CheckKernelArgs(absl::string_view name, const KernelArgs& args) {
  const KernelSpec* spec = FindKernelSpec(name);
  if (spec == nullptr) return absl::NotFoundError(absl::StrCat("no kernel named '", name, "'"));
  const int inputs = static_cast<int>(args.inputs.size()), outputs = static_cast<int>(args.outputs.size());
  if (inputs < spec->min_inputs || inputs > spec->max_inputs || outputs < spec->min_outputs ||
      outputs > spec->max_outputs || args.attributes == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " takes ", spec->min_inputs, " to ", spec->max_inputs,
                                                   " inputs and gives ", spec->min_outputs, " to ", spec->max_outputs,
                                                   " outputs, not ", inputs, " and ", outputs));
  }
  if (absl::Status status = spec->check(args); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, status.message()));
  }
  return absl::OkStatus();
}

}  // namespace metronome
