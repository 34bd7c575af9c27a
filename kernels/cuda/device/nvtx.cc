#include "kernels/cuda/device/nvtx.h"

#include <nvtx3/nvToolsExt.h>

#include <string>

namespace metronome::kernels::cuda {

NvtxDomain::NvtxDomain(const char* name) : domain_(nvtxDomainCreateA(name)) {}

NvtxDomain::~NvtxDomain() {
  if (listened_to()) nvtxDomainDestroy(domain_);
}

void NvtxDomain::Begin(absl::string_view name) {
  if (!listened_to()) return;
  const std::string message(name);  // Ends in a zero.
  nvtxEventAttributes_t attributes = {};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = message.c_str();
  nvtxDomainRangePushEx(domain_, &attributes);
}

void NvtxDomain::End() {
  if (listened_to()) nvtxDomainRangePop(domain_);
}

}  // namespace metronome::kernels::cuda
