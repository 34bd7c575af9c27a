#include "tests/kernels/cuda/fakes/emulated_backend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/device/cuda_backend.h"
#include "tests/forwarding_backend.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;

constexpr int64_t kWorkspaceBytes = 65536 + 64;  // Of no other allocation.

class EmulatedBackend final : public ForwardingBackend {
 public:
  EmulatedBackend(std::unique_ptr<kernels::Backend> backend, const FakeDriver& driver,
                  const kernels::cuda::emulation::Options& options)
      : ForwardingBackend(std::move(backend)),
        workspace_(static_cast<const uint64_t*>(driver.Find(kWorkspaceBytes))),
        options_(options) {}

  absl::Status Launch(const kernels::Kernel& kernel, const kernels::KernelArgs& args) override {
    Multiprocessor::OfThisThread().set_options(options_);
    return Checked(kernel.name(), ForwardingBackend::Launch(kernel, args));
  }
  absl::Status LaunchTogether(absl::Span<const kernels::KernelLaunch> launches) override {
    for (const kernels::KernelLaunch& launch : launches) RETURN_IF_ERROR(Launch(*launch.kernel, launch.args));
    return absl::OkStatus();
  }

  absl::Status Draw(const kernels::TokenDraw& draw) override {
    Multiprocessor::OfThisThread().set_options(options_);
    return Checked("draw", ForwardingBackend::Draw(draw));
  }

 private:
  absl::Status Checked(absl::string_view what, const absl::Status& status) const {
    if (!status.ok()) return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
    // What the contract of a workspace asks of every kernel.
    if (std::any_of(workspace_, workspace_ + kWorkspaceBytes / 8, [](uint64_t word) { return word != 0; }))
      return absl::InternalError(absl::StrCat(what, " left something in the workspace"));
    return absl::OkStatus();
  }

  const uint64_t* workspace_;
  kernels::cuda::emulation::Options options_;
};

}  // namespace

std::unique_ptr<kernels::Backend> CreateEmulatedBackend(EmulatedDevice device) {
  auto driver = std::make_unique<FakeDriver>();
  driver->device.multiprocessors = device.multiprocessors;
  if (device.prepare != nullptr) device.prepare(*driver);
  const FakeDriver& memory = *driver;
  absl::StatusOr<std::unique_ptr<kernels::cuda::MatmulLibrary>> products =
      absl::NotFoundError("no library of products");
  if (device.library != nullptr) products = std::move(device.library);
  auto backend = kernels::cuda::CreateCudaBackend(std::move(driver),
                                                  {.staging_bytes = 1 << 16,
                                                   .workspace_bytes = kWorkspaceBytes,
                                                   .kept_bytes = device.kept_bytes,
                                                   .library_workspace_bytes = 1000,
                                                   .probe_bytes = 1 << 20,
                                                   .fused = device.fused},
                                                  std::move(products));
  return std::make_unique<EmulatedBackend>(*std::move(backend), memory, device.emulation);
}

}  // namespace metronome::testing
