#ifndef METRONOME_TESTS_SERVER_SCARCE_BACKEND_H_
#define METRONOME_TESTS_SERVER_SCARCE_BACKEND_H_

#include <memory>
#include <utility>

#include "kernels/backend.h"

namespace metronome {

// A backend that says it has only so much memory left.
class ScarceBackend final : public Backend {
 public:
  ScarceBackend(std::unique_ptr<Backend> real, int64_t available_bytes)
      : real_(std::move(real)), available_bytes_(available_bytes) {}

  void set_available_bytes(int64_t bytes) { available_bytes_ = bytes; }

  absl::string_view name() const override { return real_->name(); }
  DeviceInfo Describe() const override { return real_->Describe(); }
  int64_t MemoryAvailableBytes() const override { return available_bytes_; }
  bool host_addressable() const override { return real_->host_addressable(); }
  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(int64_t bytes) override { return real_->Allocate(bytes); }
  absl::StatusOr<std::unique_ptr<Buffer>> Reserve(int64_t bytes) override { return real_->Reserve(bytes); }
  absl::Status CopyToDevice(void* device, const void* host, int64_t bytes) override {
    return real_->CopyToDevice(device, host, bytes);
  }
  absl::Status CopyToHost(void* host, const void* device, int64_t bytes) override {
    return real_->CopyToHost(host, device, bytes);
  }
  absl::Status CopyOnDevice(void* to, const void* from, int64_t bytes) override {
    return real_->CopyOnDevice(to, from, bytes);
  }
  absl::StatusOr<const Kernel*> FindKernel(absl::string_view name) const override { return real_->FindKernel(name); }
  std::vector<TuningParameter> TuningSpace(const Kernel& kernel, const KernelArgs& args) const override {
    return real_->TuningSpace(kernel, args);
  }
  absl::Status Launch(const Kernel& kernel, const KernelArgs& args) override { return real_->Launch(kernel, args); }
  absl::Status LaunchTogether(absl::Span<const KernelLaunch> launches) override {
    return real_->LaunchTogether(launches);
  }
  absl::StatusOr<double> MeasureReadBandwidth() override {
    if (available_bytes_ < (int64_t{1} << 30)) return absl::ResourceExhaustedError("no room for the probe");
    return 1e9;
  }
  absl::Status Synchronize() override { return real_->Synchronize(); }

 private:
  std::unique_ptr<Backend> real_;
  int64_t available_bytes_;
};

}  // namespace metronome

#endif  // METRONOME_TESTS_SERVER_SCARCE_BACKEND_H_
