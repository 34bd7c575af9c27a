#ifndef METRONOME_KERNELS_CATALOGUE_QKV_ROPE_CACHE_H_
#define METRONOME_KERNELS_CATALOGUE_QKV_ROPE_CACHE_H_

#include <cstdint>

#include "kernels/interface/backend.h"

namespace metronome::kernels {

// The operands of qkv_rope_cache by name; those that are not there are nullptr.
struct QkvRopeCacheOperands {
  // Of arguments that passed the check, with the norm's weight or without.
  explicit QkvRopeCacheOperands(const KernelArgs& args);

  int64_t heads() const { return q->shape[1]; }
  int64_t kv_heads() const { return k->shape[1]; }
  int64_t head_size() const { return q->shape[2]; }
  int64_t rows() const { return x->shape[0]; }
  int64_t first_row() const { return k->shape[0] - rows(); }  // Of the caches, to be written.

  const TensorView *x, *w[3];  // Of q, k and v, here and below.
  const TensorView *cos, *sin;
  const TensorView* bias[3] = {};
  const TensorView* head_norm[2] = {};
  const TensorView* norm = nullptr;
  const TensorView *q, *k, *v;  // Outputs.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CATALOGUE_QKV_ROPE_CACHE_H_
