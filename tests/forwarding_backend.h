#ifndef METRONOME_TESTS_FORWARDING_BACKEND_H_
#define METRONOME_TESTS_FORWARDING_BACKEND_H_

#include <memory>
#include <utility>
#include <vector>

#include "kernels/interface/backend.h"

namespace metronome {

// Another backend, for tests that replace a part of it.
class ForwardingBackend : public kernels::Backend {
 public:
  explicit ForwardingBackend(std::unique_ptr<kernels::Backend> real) : real_(std::move(real)) {}

  absl::string_view name() const override { return real_->name(); }
  kernels::DeviceInfo Describe() const override { return real_->Describe(); }
  int64_t MemoryAvailableBytes() const override { return real_->MemoryAvailableBytes(); }
  bool host_addressable() const override { return real_->host_addressable(); }
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Allocate(int64_t bytes) override { return real_->Allocate(bytes); }
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Reserve(int64_t bytes) override { return real_->Reserve(bytes); }
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> ReserveRing(int64_t bytes, int64_t period_bytes) override {
    return real_->ReserveRing(bytes, period_bytes);
  }
  absl::Status CopyToDevice(void* device, const void* host, int64_t bytes) override {
    return real_->CopyToDevice(device, host, bytes);
  }
  absl::Status CopyToHost(void* host, const void* device, int64_t bytes) override {
    return real_->CopyToHost(host, device, bytes);
  }
  absl::Status CopyOnDevice(void* to, const void* from, int64_t bytes) override {
    return real_->CopyOnDevice(to, from, bytes);
  }
  absl::StatusOr<const kernels::Kernel*> FindKernel(absl::string_view name) const override {
    return real_->FindKernel(name);
  }
  std::vector<kernels::TuningParameter> TuningSpace(const kernels::Kernel& kernel,
                                                    const kernels::KernelArgs& args) const override {
    return real_->TuningSpace(kernel, args);
  }
  absl::Status Launch(const kernels::Kernel& kernel, const kernels::KernelArgs& args) override {
    return real_->Launch(kernel, args);
  }
  absl::Status LaunchTogether(absl::Span<const kernels::KernelLaunch> launches) override {
    return real_->LaunchTogether(launches);
  }
  int64_t CompileTimeNs() const override { return real_->CompileTimeNs(); }
  absl::StatusOr<double> MeasureReadBandwidth() override { return real_->MeasureReadBandwidth(); }
  absl::Status Synchronize() override { return real_->Synchronize(); }
  absl::Status Fetch(absl::Span<const kernels::HostCopy> copies) override { return real_->Fetch(copies); }
  absl::StatusOr<std::unique_ptr<kernels::TimeMark>> CreateMark() override { return real_->CreateMark(); }
  absl::Status SetMark(kernels::TimeMark& mark) override { return real_->SetMark(mark); }
  absl::Status WaitFor(const kernels::TimeMark& mark) override { return real_->WaitFor(mark); }
  absl::StatusOr<double> SecondsBetween(const kernels::TimeMark& from, const kernels::TimeMark& to) override {
    return real_->SecondsBetween(from, to);
  }
  bool can_record() const override { return real_->can_record(); }
  absl::Status BeginRecording(int64_t past) override { return real_->BeginRecording(past); }
  absl::StatusOr<std::unique_ptr<kernels::Recording>> EndRecording() override { return real_->EndRecording(); }
  absl::Status Replay(const kernels::Recording& recording, int64_t past) override {
    return real_->Replay(recording, past);
  }
  bool can_draw() const override { return real_->can_draw(); }
  absl::Status Draw(const kernels::TokenDraw& draw) override { return real_->Draw(draw); }
  absl::Status Health() const override { return real_->Health(); }
  absl::StatusOr<kernels::DeviceTelemetry> Telemetry() const override { return real_->Telemetry(); }
  bool wants_ranges() const override { return real_->wants_ranges(); }
  void BeginRange(absl::string_view name) override { real_->BeginRange(name); }
  void EndRange() override { real_->EndRange(); }

 private:
  std::unique_ptr<kernels::Backend> real_;
};

}  // namespace metronome

#endif  // METRONOME_TESTS_FORWARDING_BACKEND_H_
