#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue_check.h"
#include "kernels/catalogue/checks.h"

namespace metronome::kernels {
namespace {

const TensorView& Out(const KernelArgs& args) { return args.outputs[0]; }

}  // namespace

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

absl::Status CheckArgmax(const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  METRONOME_REQUIRE(IsFloat(x.dtype) && x.shape.rank() == 2 && x.shape[1] > 0, "needs float [rows, n], n > 0");
  METRONOME_REQUIRE(Out(args).dtype == DType::kInt32 && Out(args).shape == Shape({x.shape[0]}), "needs int32 [rows]");
  return absl::OkStatus();
}

absl::Status CheckGatedActivation(const KernelArgs& args) {
  METRONOME_REQUIRE(Out(args).shape.rank() >= 1, "needs an axis");
  RETURN_IF_ERROR(CheckUnary(args));
  METRONOME_REQUIRE(args.inputs[1].dtype == Out(args).dtype && args.inputs[1].shape == Out(args).shape,
                    "gate and up differ");
  const absl::string_view activation = args.attributes->String("activation");
  METRONOME_REQUIRE(IsGateActivation(activation), absl::StrCat("unknown activation '", activation, "'"));
  return absl::OkStatus();
}

}  // namespace metronome::kernels
