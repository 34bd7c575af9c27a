#ifndef METRONOME_KERNELS_CUDA_PROGRAM_FUSED_KERNELS_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_FUSED_KERNELS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "kernels/base/file_store.h"
#include "kernels/cuda/device/driver.h"
#include "kernels/cuda/program/fused_launcher.h"
#include "kernels/cuda/program/fused_source.h"
#include "kernels/cuda/program/nvrtc/cubin_compiler.h"

namespace metronome::kernels::cuda {

struct FusedKernelsOptions {
  std::unique_ptr<CubinCompiler> compiler;  // nullptr: every program is interpreted.
  std::optional<FileStore> cubins;          // Where compiled kernels are kept; none: nowhere.
  std::function<void(const std::string&)> log = [](const std::string&) {};  // Told why a program is interpreted.
};

// A kernel for each program and way to walk its operands: generated and compiled when it is first launched, or taken
// from the store. While launches are captured nothing is compiled. What cannot be compiled or loaded is said once and
// interpreted from then on.
class FusedKernels final : public FusedLauncher {
 public:
  FusedKernels(Driver& driver, FusedKernelsOptions options) : driver_(driver), options_(std::move(options)) {}
  ~FusedKernels() override;

  FusedPrograms& programs() override { return programs_; }
  absl::StatusOr<bool> Launch(const DeviceContext& context, const FusedProgram& program,
                              const FusedArgs& args) override;
  std::string description() const override;
  int64_t compile_ns() const override { return compile_ns_; }

 private:
  absl::StatusOr<Driver::Function> Make(const FusedProgram& program, const FusedVariant& variant);
  absl::StatusOr<Driver::Function> Load(const std::string& cubin);

  Driver& driver_;
  FusedKernelsOptions options_;
  FusedPrograms programs_;
  absl::flat_hash_map<std::pair<const FusedProgram*, FusedVariant>, Driver::Function>
      kernels_;  // nullptr: interpreted.
  std::vector<Driver::Module> modules_;
  int64_t compile_ns_ = 0;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_FUSED_KERNELS_H_
