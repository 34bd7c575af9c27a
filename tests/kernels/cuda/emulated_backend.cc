#include "tests/kernels/cuda/emulated_backend.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cpu/host_memory.h"
#include "kernels/cpu/host_ring.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/tuning.h"
#include "runtime/base/status_macros.h"

namespace metronome::testing {
namespace {

using cuda::emulation::Multiprocessor;

class EmulatedKernel final : public Kernel {
 public:
  EmulatedKernel(absl::string_view name, cuda::CudaFunction function) : name_(name), function_(function) {}
  absl::string_view name() const override { return name_; }
  cuda::CudaFunction function() const { return function_; }

 private:
  std::string name_;
  cuda::CudaFunction function_;
};

class EmulatedBackend final : public Backend {
 public:
  explicit EmulatedBackend(const cuda::emulation::Options& options)
      : options_(options), workspace_(kWorkspaceBytes / sizeof(uint64_t)) {
    for (const auto& [name, function] : cuda::KernelTable())
      kernels_.emplace(name, std::make_unique<EmulatedKernel>(name, function));
    // Two: few enough that small tensors make blocks stride.
    context_ = {.stream = nullptr,
                .multiprocessors = 2,
                .fault = &fault_,
                .workspace = {.data = workspace_.data(), .bytes = kWorkspaceBytes}};
  }

  absl::string_view name() const override { return "cuda_emulated"; }
  DeviceInfo Describe() const override {
    return {.name = "emulated multiprocessor",
            .instruction_set = "c++",
            .threads = 1,
            .memory_total_bytes = cpu::HostMemoryTotalBytes()};
  }
  int64_t MemoryAvailableBytes() const override { return cpu::HostMemoryAvailableBytes(); }
  bool host_addressable() const override { return false; }  // As a device.

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(int64_t bytes) override { return cpu::AllocateHostMemory(bytes); }
  absl::StatusOr<std::unique_ptr<Buffer>> Reserve(int64_t bytes) override { return cpu::ReserveHostMemory(bytes); }
  absl::StatusOr<std::unique_ptr<Buffer>> ReserveRing(int64_t bytes, int64_t period_bytes) override {
    return cpu::ReserveHostRing(bytes, period_bytes);
  }
  absl::Status CopyToDevice(void* device, const void* host, int64_t bytes) override {
    return Copy(device, host, bytes);
  }
  absl::Status CopyToHost(void* host, const void* device, int64_t bytes) override { return Copy(host, device, bytes); }
  absl::Status CopyOnDevice(void* to, const void* from, int64_t bytes) override { return Copy(to, from, bytes); }

  absl::StatusOr<const Kernel*> FindKernel(absl::string_view name) const override {
    const auto found = kernels_.find(name);
    if (found == kernels_.end())
      return absl::NotFoundError(absl::StrCat("the ", this->name(), " backend has no kernel '", name, "'"));
    return found->second.get();
  }
  std::vector<TuningParameter> TuningSpace(const Kernel& kernel, const KernelArgs& args) const override {
    return cuda::CudaTuningSpace(kernel.name(), args);
  }

  absl::Status Launch(const Kernel& kernel, const KernelArgs& args) override {
    Multiprocessor::OfThisThread().set_options(options_);
    RETURN_IF_ERROR(static_cast<const EmulatedKernel&>(kernel).function()(context_, args));
    if (const std::string error = Multiprocessor::OfThisThread().TakeError(); !error.empty())
      return absl::InternalError(absl::StrCat(kernel.name(), ": ", error));
    // What the contract of a workspace asks of every kernel.
    if (std::any_of(workspace_.begin(), workspace_.end(), [](uint64_t word) { return word != 0; }))
      return absl::InternalError(absl::StrCat(kernel.name(), " left something in the workspace"));
    return absl::OkStatus();
  }
  absl::Status LaunchTogether(absl::Span<const KernelLaunch> launches) override {
    for (const KernelLaunch& launch : launches) RETURN_IF_ERROR(Launch(*launch.kernel, launch.args));
    return absl::OkStatus();
  }
  absl::StatusOr<double> MeasureReadBandwidth() override {
    return absl::UnimplementedError("an emulated device has no bandwidth");
  }
  absl::Status Synchronize() override { return cuda::ToStatus(std::exchange(fault_, cuda::IndexFault())); }

 private:
  static constexpr int64_t kWorkspaceBytes = 64 * 1024;

  static absl::Status Copy(void* to, const void* from, int64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
    return absl::OkStatus();
  }

  cuda::emulation::Options options_;
  std::vector<uint64_t> workspace_;
  cuda::IndexFault fault_;
  cuda::DeviceContext context_;
  absl::flat_hash_map<std::string, std::unique_ptr<EmulatedKernel>> kernels_;
};

}  // namespace

std::unique_ptr<Backend> CreateEmulatedBackend(const cuda::emulation::Options& options) {
  return std::make_unique<EmulatedBackend>(options);
}

}  // namespace metronome::testing
