#include "kernels/cpu/cpu_backend.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cpu/cpu_kernel.h"
#include "kernels/cpu/host/cpu_features.h"
#include "kernels/cpu/host/host_memory.h"
#include "kernels/cpu/host/host_ring.h"
#include "kernels/cpu/host/read_bandwidth.h"
#include "kernels/cpu/tuning.h"

namespace metronome::kernels {
namespace {

class CpuKernel final : public Kernel {
 public:
  CpuKernel(absl::string_view name, cpu::CpuFunction function) : name_(name), function_(function) {}
  absl::string_view name() const override { return name_; }
  cpu::CpuFunction function() const { return function_; }

 private:
  absl::string_view name_;  // In the catalogue.
  cpu::CpuFunction function_;
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuBackendOptions& options, cpu::InstructionSet instruction_set)
      : context_(options.threads, instruction_set, options.tuning),
        optimised_(options.kernels == CpuKernels::kOptimised),
        model_name_(cpu::CpuModelName()) {
    cpu::CpuFunctionTable table;
    cpu::AddReferenceKernels(table);
    if (optimised_) cpu::AddOptimisedKernels(table);
    for (int member = 0; member < context_.threads(); ++member)
      alone_.push_back(std::make_unique<cpu::CpuContext>(1, instruction_set, options.tuning));
    for (const auto& [name, function] : table) kernels_.emplace(name, CpuKernel(name, function));
  }

  absl::string_view name() const override { return "cpu"; }

  DeviceInfo Describe() const override {
    return {.name = model_name_,
            .instruction_set = std::string(cpu::Name(context_.instruction_set())),
            .threads = context_.threads(),
            .memory_total_bytes = cpu::HostMemoryTotalBytes(),
            .tuning = context_.tuning().ToString()};
  }

  int64_t MemoryAvailableBytes() const override { return cpu::HostMemoryAvailableBytes(); }
  bool host_addressable() const override { return true; }

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
    if (found == kernels_.end()) return absl::NotFoundError(absl::StrCat("the cpu backend has no kernel '", name, "'"));
    return &found->second;
  }

  std::vector<TuningParameter> TuningSpace(const Kernel& kernel, const KernelArgs& args) const override {
    return optimised_ ? cpu::TuningSpace(kernel.name(), args, context_.tuning()) : std::vector<TuningParameter>();
  }

  absl::Status Launch(const Kernel& kernel, const KernelArgs& args) override {
    return static_cast<const CpuKernel&>(kernel).function()(context_, args);
  }

  // One thread each.
  absl::Status LaunchTogether(absl::Span<const KernelLaunch> launches) override {
    std::vector<absl::Status> statuses(launches.size());
    context_.pool().ParallelFor(static_cast<int64_t>(launches.size()), 1, [&](int64_t index, int64_t, int member) {
      const KernelLaunch& launch = launches[index];
      statuses[index] = static_cast<const CpuKernel&>(*launch.kernel).function()(*alone_[member], launch.args);
    });
    for (absl::Status& status : statuses) {
      if (!status.ok()) return std::move(status);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<double> MeasureReadBandwidth() override { return cpu::MeasureReadBandwidth(context_.pool()); }

  absl::Status Synchronize() override { return absl::OkStatus(); }

 private:
  static absl::Status Copy(void* to, const void* from, int64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
    return absl::OkStatus();
  }

  cpu::CpuContext context_;
  std::vector<std::unique_ptr<cpu::CpuContext>> alone_;  // By member of the pool: for kernels that it runs by itself.
  bool optimised_;
  std::string model_name_;
  absl::flat_hash_map<std::string, CpuKernel> kernels_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> CreateCpuBackend(const CpuBackendOptions& options) {
  constexpr int kMaxThreads = 1024;
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError(absl::StrCat("threads is ", options.threads, ", not in [0, ", kMaxThreads, "]"));
  }
  const cpu::InstructionSet best = cpu::DetectInstructionSet();
  const cpu::InstructionSet wanted = options.instruction_set.value_or(best);
  if (wanted > best) {
    return absl::FailedPreconditionError(
        absl::StrCat("this processor runs ", cpu::Name(best), " code, not ", cpu::Name(wanted)));
  }
  return std::make_unique<CpuBackend>(options, wanted);
}

}  // namespace metronome::kernels
