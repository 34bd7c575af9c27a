#ifndef METRONOME_KERNELS_CPU_CPU_KERNEL_H_
#define METRONOME_KERNELS_CPU_CPU_KERNEL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/base/thread_pool.h"
#include "kernels/cpu/calibration/cpu_tuning.h"
#include "kernels/cpu/host/cpu_features.h"
#include "kernels/cpu/optimised/onednn_matmul.h"
#include "kernels/interface/backend.h"
#include "kernels/program/fused_program.h"

namespace metronome::kernels::cpu {

// What a kernel may use while it runs.
class CpuContext {
 public:
  CpuContext(int threads, InstructionSet instruction_set, CpuTuning tuning = {})
      : pool_(threads),
        instruction_set_(instruction_set),
        tuning_(std::move(tuning)),
        onednn_(pool_.size()),
        scratch_(pool_.size() + 2) {}

  ThreadPool& pool() { return pool_; }
  int threads() const { return pool_.size(); }
  InstructionSet instruction_set() const { return instruction_set_; }
  const CpuTuning& tuning() const { return tuning_; }

  // At least `bytes` of uninitialised memory, 64-byte aligned, that belongs to one member of the pool until its next
  // call here.
  void* Scratch(int member, size_t bytes);
  // Likewise, but one block for the whole kernel, filled before its parallel part and read by all members.
  float* SharedScratch(int64_t elements) {
    return static_cast<float*>(Scratch(pool_.size(), static_cast<size_t>(elements) * sizeof(float)));
  }

  // Likewise, for operands that one kernel of several in a launch leaves to the next.
  void* OperandScratch(int64_t bytes) { return Scratch(pool_.size() + 1, static_cast<size_t>(bytes)); }

  OneDnnMatmul& onednn() { return onednn_; }
  FusedPrograms& fused_programs() { return fused_programs_; }

 private:
  struct AlignedDelete {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, std::align_val_t(64)); }
  };
  struct Block {
    std::unique_ptr<std::byte[], AlignedDelete> bytes;
    size_t size = 0;
  };

  ThreadPool pool_;
  InstructionSet instruction_set_;
  CpuTuning tuning_;
  OneDnnMatmul onednn_;
  FusedPrograms fused_programs_;
  std::vector<Block> scratch_;  // One a member, the shared one, that for operands.
};

// Runs one catalogue kernel to completion. Arguments have passed the catalogue's check.
using CpuFunction = absl::Status (*)(CpuContext& context, const KernelArgs& args);
using CpuFunctionTable = absl::flat_hash_map<absl::string_view, CpuFunction>;

// Plain loops for the whole catalogue, accumulating in double: the oracle.
void AddReferenceKernels(CpuFunctionTable& table);
// Faster versions that replace some of them; they read the context's instruction set.
void AddOptimisedKernels(CpuFunctionTable& table);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_CPU_KERNEL_H_
