#ifndef METRONOME_KERNELS_CPU_OPTIMISED_QKV_ROPE_CACHE_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_QKV_ROPE_CACHE_H_

#include "kernels/cpu/cpu_kernel.h"

namespace metronome::kernels::cpu {

// The kernels that qkv_rope_cache is composed of.
struct QkvSteps {
  CpuFunction linear_group, rms_norm, rope;
};

// qkv_rope_cache without a norm of x. Products go where q and the rows of the caches lie, and are changed there.
absl::Status ComposeQkvRopeCache(CpuContext& context, const KernelArgs& args, const QkvSteps& steps);

template <CpuFunction linear_group, CpuFunction rms_norm, CpuFunction rope>
absl::Status QkvRopeCache(CpuContext& context, const KernelArgs& args) {
  return ComposeQkvRopeCache(context, args, {linear_group, rms_norm, rope});
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_QKV_ROPE_CACHE_H_
