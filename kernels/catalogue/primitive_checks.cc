#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue_check.h"
#include "kernels/catalogue/checks.h"

namespace metronome::kernels {
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

}  // namespace

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

}  // namespace metronome::kernels
