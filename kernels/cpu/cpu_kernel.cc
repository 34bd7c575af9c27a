#include "kernels/cpu/cpu_kernel.h"

#include <new>

namespace metronome::kernels::cpu {

void* CpuContext::Scratch(int member, size_t bytes) {
  Block& block = scratch_[member];
  if (block.size < bytes) {
    block.bytes.reset();
    block.bytes.reset(new (std::align_val_t(64)) std::byte[bytes]);
    block.size = bytes;
  }
  return block.bytes.get();
}

}  // namespace metronome::kernels::cpu
