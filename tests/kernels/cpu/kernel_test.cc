#include "tests/kernels/cpu/kernel_test.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "kernels/catalogue.h"
#include "runtime/base/status_macros.h"

namespace metronome::testing {

std::vector<Variant> AllVariants() {
  std::vector<Variant> variants;
  const auto add = [&](absl::string_view name, CpuBackendOptions options, int threads) {
    options.threads = threads;
    variants.push_back({absl::StrCat(name, "_", threads, "threads"), options});
  };
  const CpuBackendOptions reference = {.kernels = CpuKernels::kReference};
  for (const int threads : {1, 3}) add("reference", reference, threads);
  const cpu::InstructionSet best = cpu::DetectInstructionSet();
  for (int level = 0; level <= static_cast<int>(best); ++level) {
    const auto set = static_cast<cpu::InstructionSet>(level);
    for (const int threads : {1, 3}) add(cpu::Name(set), {.instruction_set = set}, threads);
  }
  for (const int threads : {2, 5}) add(cpu::Name(best), {.instruction_set = best}, threads);
  return variants;
}

Backend& BackendOf(const Variant& variant) {
  static auto& backends = *new std::map<std::string, std::unique_ptr<Backend>>();
  std::unique_ptr<Backend>& backend = backends[variant.name];
  if (backend == nullptr) backend = CreateCpuBackend(variant.options).value();
  return *backend;
}

absl::Status RunKernel(Backend& backend, absl::string_view name, const std::vector<HostTensor>& inputs,
                       const std::vector<HostTensor>& outputs, const Attributes& attributes) {
  std::vector<TensorView> views, out;
  for (const HostTensor& input : inputs) views.push_back(input.View());
  for (const HostTensor& output : outputs) out.push_back(output.View());
  const KernelArgs args = {.inputs = views, .outputs = out, .attributes = &attributes};
  RETURN_IF_ERROR(CheckKernelArgs(name, args));
  ASSIGN_OR_RETURN(const Kernel* const kernel, backend.FindKernel(name));
  RETURN_IF_ERROR(backend.Launch(*kernel, args));
  RETURN_IF_ERROR(backend.Synchronize());
  for (const HostTensor& input : inputs) {
    if (!input.GuardIntact()) return absl::InternalError(absl::StrCat(name, " wrote around an input"));
  }
  return absl::OkStatus();
}

}  // namespace metronome::testing
