#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue_check.h"
#include "kernels/catalogue/checks.h"
#include "kernels/catalogue/norm_prologue.h"

namespace metronome::kernels {
namespace {

const TensorView& Out(const KernelArgs& args) { return args.outputs[0]; }

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

}  // namespace

bool IsGateActivation(absl::string_view name) { return name == "silu" || name == "gelu_tanh"; }

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
  METRONOME_REQUIRE(activation.empty() || (IsGateActivation(activation) && has_residual == 0),
                    absl::StrCat("cannot apply activation '", activation, "'"));
  if (has_residual != 0) {
    METRONOME_REQUIRE(inputs.back().dtype == x.dtype && inputs.back().shape == Out(args).shape,
                      "the residual is not [m, n]");
  }
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
  METRONOME_REQUIRE(IsGateActivation(args.attributes->String("activation")),
                    absl::StrCat("unknown activation '", args.attributes->String("activation"), "'"));
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
  METRONOME_REQUIRE(IsGateActivation(args.attributes->String("activation")),
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

}  // namespace metronome::kernels
