#include "tests/kernels/support/kernel_test.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue.h"
#include "tests/kernels/support/device_copies.h"

namespace metronome::testing {

kernels::Backend& BackendOf(const Variant& variant) {
  static auto& backends = *new std::map<std::string, std::unique_ptr<kernels::Backend>>();
  std::unique_ptr<kernels::Backend>& backend = backends[variant.name];
  if (backend == nullptr) backend = variant.create().value();
  return *backend;
}

namespace {

absl::Status Launch(kernels::Backend& backend, absl::string_view name, const kernels::KernelArgs& args) {
  RETURN_IF_ERROR(kernels::CheckKernelArgs(name, args));
  ASSIGN_OR_RETURN(const kernels::Kernel* const kernel, backend.FindKernel(name));
  RETURN_IF_ERROR(backend.Launch(*kernel, args));
  return backend.Synchronize();
}

}  // namespace

absl::Status RunKernelOnCopies(kernels::Backend& backend, absl::string_view name, const std::vector<HostTensor>& inputs,
                               const std::vector<HostTensor>& outputs, const kernels::Attributes& attributes) {
  DeviceCopies copies(backend);
  std::vector<kernels::TensorView> views, out;
  for (const HostTensor& input : inputs) {
    ASSIGN_OR_RETURN(views.emplace_back(), copies.Add(input));
  }
  for (const HostTensor& output : outputs) {
    ASSIGN_OR_RETURN(out.emplace_back(), copies.Add(output));
  }
  RETURN_IF_ERROR(Launch(backend, name, {.inputs = views, .outputs = out, .attributes = &attributes}));
  return copies.Fetch();
}

absl::Status RunKernel(kernels::Backend& backend, absl::string_view name, const std::vector<HostTensor>& inputs,
                       const std::vector<HostTensor>& outputs, const kernels::Attributes& attributes) {
  std::vector<kernels::TensorView> views, out;
  for (const HostTensor& input : inputs) views.push_back(input.View());
  for (const HostTensor& output : outputs) out.push_back(output.View());
  RETURN_IF_ERROR(Launch(backend, name, {.inputs = views, .outputs = out, .attributes = &attributes}));
  for (const HostTensor& input : inputs) {
    if (!input.GuardIntact()) return absl::InternalError(absl::StrCat(name, " wrote around an input"));
  }
  return absl::OkStatus();
}

}  // namespace metronome::testing
