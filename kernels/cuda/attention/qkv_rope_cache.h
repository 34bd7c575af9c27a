#ifndef METRONOME_KERNELS_CUDA_ATTENTION_QKV_ROPE_CACHE_H_
#define METRONOME_KERNELS_CUDA_ATTENTION_QKV_ROPE_CACHE_H_

#include <cstdint>

#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// Products of x that become queries, and keys and values in their caches. `product` has three parts, q, k and v; what
// is theirs to write is below.
struct QkvArgs {
  LinearArgs product;
  int64_t heads = 0;          // Of q.
  int64_t kv_heads = 0;       // Of k.
  int64_t size = 0;           // Of a head of either; even.
  const void* cos = nullptr;  // [m, size].
  const void* sin = nullptr;  // [m, size].
  NormPrologue head_norm[2];  // Of the heads of q and k, which have one norm but for the weights [size].
  void* q = nullptr;          // [m, heads, size].
  void* k_cache = nullptr;    // [.., kv_heads, size].
  void* v_cache = nullptr;    // [.., product.part[2].n].
  StepSize first_row;         // Of the caches, where the m rows go.
};

// As one GEMV, where GemvStages: sums of q and k meet in the scratch, and the last block that adds to a head turns and
// writes it. That takes QkvScratchBytes and a count for each head in the workspace; false, and nothing is done, without
// them or for more rows.
bool LaunchQkvGemv(const DeviceContext& context, const QkvArgs& args);
int64_t QkvScratchBytes(const QkvArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_QKV_ROPE_CACHE_H_
