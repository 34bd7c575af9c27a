#include "tests/gpu/bench/bench_launch.h"

#include <string>

#include "kernels/cuda/attention/attention.h"
#include "kernels/cuda/attention/qkv_rows.h"
#include "kernels/cuda/draw/selection.h"
#include "kernels/cuda/primitives/strided.h"
#include "kernels/cuda/products/experts.h"
#include "kernels/cuda/products/gemm.h"
#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/rows/elementwise.h"
#include "kernels/cuda/rows/layout.h"
#include "kernels/cuda/rows/norm_rows.h"
#include "kernels/cuda/rows/normalisation.h"
#include "kernels/cuda/rows/rotary.h"

namespace metronome::kernels::cuda::bench {
namespace {

using kernels::cuda::DeviceContext;
using kernels::cuda::LinearArgs;

double Number(const Call& call, const char* name, double missing = 0) {
  return Attribute(call.row->attributes, name, missing);
}
bool Has(const Call& call, const char* name) { return Number(call, name) != 0; }
kernels::cuda::Activation ActivationOf(const Call& call) {
  return std::string(call.row->attributes).find("activation=silu") != std::string::npos
             ? kernels::cuda::Activation::kSilu
             : kernels::cuda::Activation::kGeluTanh;
}

kernels::cuda::NormPrologue NormOf(const Call& call) {
  if (!Has(call, "has_norm")) return {};
  return {.weight = call.in.back(),
          .epsilon = static_cast<float>(Number(call, "eps")),
          .weight_offset = static_cast<float>(Number(call, "weight_offset")),
          .round_before_weight = Has(call, "round_before_weight")};
}

LinearArgs ProductOf(const Call& call) {
  LinearArgs args;
  args.dtype = call.inputs[0].dtype;
  args.x = call.in[0];
  args.m = call.inputs[0].shape[0];
  args.k = call.inputs[0].shape[1];
  args.tuning = call.tuning;
  args.norm = NormOf(call);
  return args;
}

void LaunchProduct(const DeviceContext& context, const LinearArgs& args) {
  if (args.norm.weight == nullptr) {
    kernels::cuda::LaunchLinear(context, args);
  } else {
    kernels::cuda::LaunchNormLinear(context, args);
  }
}

void Linear(const DeviceContext& context, const Call& call) {
  LinearArgs args = ProductOf(call);
  const bool bias = Has(call, "has_bias");
  args.part[0] = {.w = call.in[1], .bias = bias ? call.in[2] : nullptr, .y = call.out[0], .n = call.inputs[1].shape[0]};
  if (Has(call, "has_residual")) args.residual = call.in[bias ? 3 : 2];
  args.wide = call.outputs[0].dtype != args.dtype;
  args.activates = std::string(call.row->attributes).find("activation=") != std::string::npos;
  args.activation = ActivationOf(call);
  LaunchProduct(context, args);
}

void LinearGroup(const DeviceContext& context, const Call& call) {
  LinearArgs args = ProductOf(call);
  args.parts = static_cast<int>(call.out.size());
  for (int i = 0; i < args.parts; ++i) {
    args.part[i] = {.w = call.in[1 + i],
                    .bias = Has(call, "has_bias") ? call.in[1 + args.parts + i] : nullptr,
                    .y = call.out[i],
                    .n = call.inputs[1 + i].shape[0]};
  }
  LaunchProduct(context, args);
}

void GatedLinear(const DeviceContext& context, const Call& call) {
  LinearArgs args = ProductOf(call);
  args.part[0] = {.w = call.in[1], .y = call.out[0], .n = call.inputs[1].shape[0]};
  args.up = call.in[2];
  args.activation = ActivationOf(call);
  LaunchProduct(context, args);
}

void QkvRopeCache(const DeviceContext& context, const Call& call) {
  kernels::cuda::QkvArgs qkv;
  qkv.product = ProductOf(call);
  qkv.product.parts = 3;
  const bool bias = Has(call, "has_bias");
  for (int i = 0; i < 3; ++i)
    qkv.product.part[i] = {
        .w = call.in[1 + i], .bias = bias ? call.in[8 + i] : nullptr, .n = call.inputs[1 + i].shape[0]};
  qkv.heads = call.outputs[0].shape[1];
  qkv.kv_heads = call.outputs[1].shape[1];
  qkv.size = call.outputs[0].shape[2];
  qkv.cos = call.in[4];
  qkv.sin = call.in[5];
  for (int i = 0; i < 2 && Has(call, "has_head_norm"); ++i) {
    qkv.head_norm[i] = {.weight = call.in[(bias ? 11 : 8) + i],
                        .epsilon = static_cast<float>(Number(call, "head_eps")),
                        .weight_offset = static_cast<float>(Number(call, "head_weight_offset")),
                        .round_before_weight = Has(call, "head_round_before_weight")};
  }
  qkv.q = call.out[0];
  qkv.k_cache = call.out[1];
  qkv.v_cache = call.out[2];
  qkv.first_row = {.base = nullptr, .offset = call.outputs[1].shape[0] - qkv.product.m};
  if (!kernels::cuda::LaunchQkvGemv(context, qkv)) kernels::cuda::LaunchQkvRows(context, qkv);
}

void Attention(const DeviceContext& context, const Call& call) {
  const Operand &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  kernels::cuda::LaunchAttention(context, {.dtype = q.dtype,
                                           .q = call.in[0],
                                           .k = call.in[1],
                                           .v = call.in[2],
                                           .y = call.out[0],
                                           .rows = q.shape[0],
                                           .heads = q.shape[1],
                                           .kv_heads = k.shape[1],
                                           .size = q.shape[2],
                                           .value_size = v.shape[2],
                                           .past = {.base = nullptr, .offset = k.shape[0] - q.shape[0]},
                                           .window = static_cast<int64_t>(Number(call, "window")),
                                           .scale = static_cast<float>(Number(call, "scale"))});
}

void GatedExperts(const DeviceContext& context, const Call& call) {
  const Operand &x = call.inputs[0], &w = call.inputs[1];
  const int64_t slots = call.inputs[2].shape[0], n = w.shape[1] / 2;
  LinearArgs args;
  args.dtype = x.dtype;
  args.x = call.in[0];
  args.m = slots;
  args.k = x.shape[1];
  args.part[0] = {.w = call.in[1], .y = call.out[0], .n = n};
  args.up = static_cast<const char*>(call.in[1]) + n * args.k * static_cast<int64_t>(kernels::SizeOf(w.dtype));
  args.activation = ActivationOf(call);
  args.tuning = call.tuning;
  kernels::cuda::LaunchExperts(context, args,
                               {.index = static_cast<const int32_t*>(call.in[2]),
                                .slots = slots,
                                .repeat = slots / x.shape[0],
                                .experts = w.shape[0],
                                .stride = w.shape[1] * w.shape[2]});
}

void ExpertMix(const DeviceContext& context, const Call& call) {
  const Operand &w = call.inputs[1], &weights = call.inputs[3];
  kernels::cuda::LaunchExpertMix(context, {.dtype = call.inputs[0].dtype,
                                           .x = call.in[0],
                                           .w = call.in[1],
                                           .index = static_cast<const int32_t*>(call.in[2]),
                                           .weights = call.in[3],
                                           .y = call.out[0],
                                           .m = weights.shape[0],
                                           .slots = weights.shape[1],
                                           .n = w.shape[1],
                                           .k = w.shape[2],
                                           .experts = w.shape[0],
                                           .tuning = call.tuning});
}

kernels::cuda::RmsNormArgs NormArgs(const Call& call) {
  const Operand& x = call.inputs[0];
  return {.dtype = x.dtype,
          .x = call.in[0],
          .y = call.out[0],
          .rows = x.elements() / x.shape.back(),
          .columns = x.shape.back(),
          .epsilon = static_cast<float>(Number(call, "eps")),
          .weight_offset = static_cast<float>(Number(call, "weight_offset")),
          .round_before_weight = Has(call, "round_before_weight")};
}
void RmsNorm(const DeviceContext& context, const Call& call) {
  kernels::cuda::RmsNormArgs args = NormArgs(call);
  if (call.in.size() > 1) args.weight = call.in[1];
  kernels::cuda::LaunchRmsNorm(context, args);
}
void AddRmsNorm(const DeviceContext& context, const Call& call) {
  kernels::cuda::RmsNormArgs args = NormArgs(call);
  args.addend = call.in[1];
  args.weight = call.in[2];
  args.sum = call.out[0];
  args.y = call.out[1];
  kernels::cuda::LaunchRmsNorm(context, args);
}

void Rope(const DeviceContext& context, const Call& call) {
  const Operand& x = call.inputs[0];
  kernels::cuda::LaunchRope(context, {.dtype = x.dtype,
                                      .x = call.in[0],
                                      .cos = call.in[1],
                                      .sin = call.in[2],
                                      .y = call.out[0],
                                      .rows = x.shape[0],
                                      .heads = x.shape[1],
                                      .size = x.shape[2]});
}

void Softmax(const DeviceContext& context, const Call& call) {
  const Operand& x = call.inputs[0];
  kernels::cuda::LaunchSoftmax(context, {.dtype = x.dtype,
                                         .x = call.in[0],
                                         .y = call.out[0],
                                         .rows = x.elements() / x.shape.back(),
                                         .columns = x.shape.back()});
}

void TopK(const DeviceContext& context, const Call& call) {
  const Operand& x = call.inputs[0];
  kernels::cuda::LaunchTopK(context, {.dtype = x.dtype,
                                      .x = call.in[0],
                                      .values = call.out[0],
                                      .index = static_cast<int32_t*>(call.out[1]),
                                      .rows = x.elements() / x.shape.back(),
                                      .columns = x.shape.back(),
                                      .k = static_cast<int64_t>(Number(call, "k"))});
}

void Argmax(const DeviceContext& context, const Call& call) {
  const Operand& x = call.inputs[0];
  kernels::cuda::LaunchArgmax(context, {.dtype = x.dtype,
                                        .x = call.in[0],
                                        .index = static_cast<int32_t*>(call.out[0]),
                                        .rows = x.elements() / x.shape.back(),
                                        .columns = x.shape.back()});
}

void Gather(const DeviceContext& context, const Call& call) {
  const Operand& table = call.inputs[0];
  kernels::cuda::LaunchGather(context, {.table = call.in[0],
                                        .indices = static_cast<const int32_t*>(call.in[1]),
                                        .output = call.out[0],
                                        .table_rows = table.shape[0],
                                        .rows = call.inputs[1].elements(),
                                        .row_bytes = table.bytes() / table.shape[0]});
}
void Embedding(const DeviceContext& context, const Call& call) {
  const Operand& table = call.inputs[0];
  kernels::cuda::LaunchEmbedding(context, {.dtype = table.dtype,
                                           .table = call.in[0],
                                           .indices = static_cast<const int32_t*>(call.in[1]),
                                           .output = call.out[0],
                                           .table_rows = table.shape[0],
                                           .rows = call.inputs[1].elements(),
                                           .columns = table.elements() / table.shape[0],
                                           .scale = static_cast<float>(Number(call, "scale", 1))});
}

// A slice of the first axis.
void Slice(const DeviceContext& context, const Call& call) {
  const Operand& x = call.inputs[0];
  const int64_t bytes = call.outputs[0].bytes(),
                skipped = static_cast<int64_t>(Number(call, "start")) * (x.bytes() / x.shape[0]);
  kernels::cuda::LaunchCopyRows(context, {.input = static_cast<const char*>(call.in[0]) + skipped,
                                          .output = call.out[0],
                                          .rows = 1,
                                          .row_bytes = bytes,
                                          .input_stride = bytes,
                                          .output_stride = bytes});
}
void CacheWrite(const DeviceContext& context, const Call& call) {
  const Operand& rows = call.inputs[1];
  const int64_t row_bytes = rows.bytes() / rows.shape[0];
  kernels::cuda::LaunchCopyRows(
      context, {.input = call.in[1],
                .output = call.out[0],
                .rows = rows.shape[0],
                .row_bytes = row_bytes,
                .input_stride = row_bytes,
                .output_stride = row_bytes,
                .first_output_row = {.base = nullptr, .offset = call.outputs[0].shape[0] - rows.shape[0]}});
}
void Iota(const DeviceContext& context, const Call& call) {
  kernels::cuda::LaunchIota(context,
                            {.output = static_cast<int32_t*>(call.out[0]),
                             .elements = call.outputs[0].elements(),
                             .start = {.base = nullptr, .offset = static_cast<int64_t>(Number(call, "start"))}});
}

void Add(const DeviceContext& context, const Call& call) {
  kernels::cuda::StridedWalk<2> walk;
  walk.elements = walk.sizes[0] = call.outputs[0].elements();
  for (int i = 0; i < 2; ++i) walk.strides[i][0] = call.inputs[i].elements() == walk.elements ? 1 : 0;
  kernels::cuda::LaunchBinary(context, {.op = kernels::Op::kAdd,
                                        .dtype = call.outputs[0].dtype,
                                        .a = call.in[0],
                                        .b = call.in[1],
                                        .y = call.out[0],
                                        .walk = walk});
}
void Cast(const DeviceContext& context, const Call& call) {
  kernels::cuda::LaunchCast(context, {.from = call.inputs[0].dtype,
                                      .to = call.outputs[0].dtype,
                                      .x = call.in[0],
                                      .y = call.out[0],
                                      .elements = call.inputs[0].elements()});
}
void Softcap(const DeviceContext& context, const Call& call) {
  kernels::cuda::LaunchSoftcap(context, {.dtype = call.inputs[0].dtype,
                                         .x = call.in[0],
                                         .y = call.out[0],
                                         .elements = call.inputs[0].elements(),
                                         .cap = static_cast<float>(Number(call, "cap", 1))});
}

using LaunchFunction = void (*)(const DeviceContext&, const Call&);
constexpr struct {
  const char* kernel;
  LaunchFunction launch;
} kFunctions[] = {{"linear", Linear},
                  {"linear_group", LinearGroup},
                  {"gated_linear", GatedLinear},
                  {"qkv_rope_cache", QkvRopeCache},
                  {"attention", Attention},
                  {"gated_experts", GatedExperts},
                  {"expert_mix", ExpertMix},
                  {"rms_norm", RmsNorm},
                  {"add_rms_norm", AddRmsNorm},
                  {"rope", Rope},
                  {"softmax", Softmax},
                  {"top_k", TopK},
                  {"argmax", Argmax},
                  {"gather", Gather},
                  {"embedding", Embedding},
                  {"slice", Slice},
                  {"cache_write", CacheWrite},
                  {"iota", Iota},
                  {"add", Add},
                  {"cast", Cast},
                  {"softcap", Softcap}};

LaunchFunction FunctionOf(const char* kernel) {
  for (const auto& [name, launch] : kFunctions) {
    if (std::strcmp(name, kernel) == 0) return launch;
  }
  return nullptr;
}

bool IsExperts(const Call& call) {
  return std::strcmp(call.row->kernel, "gated_experts") == 0 || std::strcmp(call.row->kernel, "expert_mix") == 0;
}

}  // namespace

bool Launches(const char* kernel) { return FunctionOf(kernel) != nullptr; }
void LaunchCall(const DeviceContext& context, const Call& call) { FunctionOf(call.row->kernel)(context, call); }

int64_t IndexLimit(const Call& call) { return call.inputs[IsExperts(call) ? 1 : 0].shape[0]; }

Tunes TuningOf(const Call& call) {
  const std::string kernel = call.row->kernel;
  if (kernel == "gated_experts") {
    return call.inputs[2].shape[0] <= kernels::cuda::kMaxGemvSlots ? Tunes::kGemv : Tunes::kGemm;
  }
  if (kernel == "expert_mix")
    return call.inputs[3].shape[0] <= kernels::cuda::kMaxGemvRows ? Tunes::kNothing : Tunes::kGemm;
  if (kernel != "linear" && kernel != "linear_group" && kernel != "gated_linear" && kernel != "qkv_rope_cache")
    return Tunes::kNothing;
  return call.inputs[0].shape[0] <= kernels::cuda::kMaxGemvRows ? Tunes::kGemv : Tunes::kGemm;
}

}  // namespace metronome::kernels::cuda::bench
