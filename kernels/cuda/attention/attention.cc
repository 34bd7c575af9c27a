#include "kernels/cuda/attention/attention.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/kernel_table.h"

namespace metronome::kernels::cuda {
namespace {

absl::Status Attention(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &q = args.inputs[0], &k = args.inputs[1], &v = args.inputs[2];
  constexpr int64_t kMaxKvHeads = 65535;  // Of a grid's second size.
  if (std::max(k.shape[2], v.shape[2]) > kMaxHeadSize)
    return absl::UnimplementedError(absl::StrCat("attention with heads of ", std::max(k.shape[2], v.shape[2]),
                                                 " elements; CUDA kernels take up to ", kMaxHeadSize));
  if (k.shape[1] > kMaxKvHeads)
    return absl::UnimplementedError(
        absl::StrCat("attention with ", k.shape[1], " kv heads; CUDA kernels take up to ", kMaxKvHeads));
  LaunchAttention(context, {.dtype = q.dtype,
                            .q = q.data,
                            .k = k.data,
                            .v = v.data,
                            .y = args.outputs[0].data,
                            .rows = q.shape[0],
                            .heads = q.shape[1],
                            .kv_heads = k.shape[1],
                            .size = q.shape[2],
                            .value_size = v.shape[2],
                            .past = StepSizeOf(context, k.shape[0] - q.shape[0], args.follows_past),
                            .window = args.attributes->Int("window"),
                            .scale = static_cast<float>(args.attributes->Float("scale"))});
  return absl::OkStatus();
}

}  // namespace

void AddAttention(CudaFunctionTable& table) { table["attention"] = Attention; }

}  // namespace metronome::kernels::cuda
