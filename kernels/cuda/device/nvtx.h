#ifndef METRONOME_KERNELS_CUDA_DEVICE_NVTX_H_
#define METRONOME_KERNELS_CUDA_DEVICE_NVTX_H_

#include "absl/strings/string_view.h"

struct nvtxDomainRegistration_st;  // What nvtxDomainHandle_t points to.

namespace metronome::kernels::cuda {

// Named ranges of this process in the timelines of NVIDIA's tools (Nsight Systems, Nsight Compute), by the toolkit's
// header-only NVTX 3: a tool puts itself behind it when the process starts, and without one nothing happens. Ranges
// nest on each thread.
class NvtxDomain {
 public:
  explicit NvtxDomain(const char* name);
  ~NvtxDomain();
  NvtxDomain(const NvtxDomain&) = delete;
  NvtxDomain& operator=(const NvtxDomain&) = delete;

  bool listened_to() const { return domain_ != nullptr; }  // A tool is there.
  void Begin(absl::string_view name);
  void End();

 private:
  nvtxDomainRegistration_st* const domain_;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_NVTX_H_
