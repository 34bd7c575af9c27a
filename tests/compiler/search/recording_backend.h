#ifndef METRONOME_TESTS_COMPILER_SEARCH_RECORDING_BACKEND_H_
#define METRONOME_TESTS_COMPILER_SEARCH_RECORDING_BACKEND_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "tests/forwarding_backend.h"

namespace metronome::compiler {

// The CPU with a device's clock: launches are recorded, and replaying one takes as long as the script says, on that
// clock. Replays compute nothing; they check that what was recorded writes to buffers that are still there.
class RecordingBackend final : public ForwardingBackend {
 public:
  RecordingBackend() : ForwardingBackend(kernels::CreateCpuBackend({.threads = 1}).value()) {}

  bool records = true;
  absl::Status refusal;                     // Of BeginRecording.
  std::map<std::string, double> kernel_ns;  // Others take kOtherNs.
  static constexpr double kOtherNs = 1000;
  int recordings = 0, replays = 0, marks_set = 0;
  std::vector<int64_t> pasts;  // Of the replays.

  bool can_record() const override { return records; }
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Allocate(int64_t bytes) override {
    return Watched(ForwardingBackend::Allocate(bytes));
  }
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Reserve(int64_t bytes) override {
    return Watched(ForwardingBackend::Reserve(bytes));
  }
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> ReserveRing(int64_t bytes, int64_t period_bytes) override {
    return Watched(ForwardingBackend::ReserveRing(bytes, period_bytes));
  }

  absl::Status Launch(const kernels::Kernel& kernel, const kernels::KernelArgs& args) override {
    if (open_ == nullptr) return ForwardingBackend::Launch(kernel, args);
    const auto scripted = kernel_ns.find(std::string(kernel.name()));
    Work work = {.ns = scripted == kernel_ns.end() ? kOtherNs : scripted->second};
    for (const kernels::TensorView& view : args.outputs) work.outputs.push_back(view.data);
    open_->work.push_back(std::move(work));
    return absl::OkStatus();
  }
  absl::Status LaunchTogether(absl::Span<const kernels::KernelLaunch> launches) override {
    if (open_ == nullptr) return ForwardingBackend::LaunchTogether(launches);
    for (const kernels::KernelLaunch& launch : launches) (void)Launch(*launch.kernel, launch.args);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<kernels::TimeMark>> CreateMark() override { return std::make_unique<Mark>(); }
  absl::Status SetMark(kernels::TimeMark& mark) override {
    ++marks_set;
    auto& own = static_cast<Mark&>(mark);
    if (open_ == nullptr) {
      own.ns = device_ns_;
    } else {
      open_->work.push_back({.mark = &own});
    }
    return absl::OkStatus();
  }
  absl::Status WaitFor(const kernels::TimeMark&) override { return absl::OkStatus(); }
  absl::StatusOr<double> SecondsBetween(const kernels::TimeMark& from, const kernels::TimeMark& to) override {
    return (static_cast<const Mark&>(to).ns - static_cast<const Mark&>(from).ns) * 1e-9;
  }

  absl::Status BeginRecording(int64_t) override {
    if (!refusal.ok()) return refusal;
    ++recordings;
    open_ = std::make_unique<Script>();
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<kernels::Recording>> EndRecording() override { return std::move(open_); }
  absl::Status Replay(const kernels::Recording& recording, int64_t past) override {
    ++replays;
    pasts.push_back(past);
    for (const Work& work : static_cast<const Script&>(recording).work) {
      for (const void* output : work.outputs) {
        if (!IsLive(output)) return absl::InternalError("a recorded launch writes where no buffer is");
      }
      device_ns_ += work.ns;
      if (work.mark != nullptr) work.mark->ns = device_ns_;
    }
    return absl::OkStatus();
  }

 private:
  struct Mark final : kernels::TimeMark {
    double ns = 0;
  };
  struct Work {
    double ns = 0;
    Mark* mark = nullptr;
    std::vector<const void*> outputs;
  };
  struct Script final : kernels::Recording {
    std::vector<Work> work;
  };
  using Live = std::map<const std::byte*, int64_t>;  // Bytes by address.

  class WatchedBuffer final : public kernels::Buffer {
   public:
    WatchedBuffer(std::unique_ptr<kernels::Buffer> real, Live& live) : real_(std::move(real)), live_(live) {
      live_[Address()] = real_->size_bytes();
    }
    ~WatchedBuffer() override { live_.erase(Address()); }
    void* data() const override { return real_->data(); }
    int64_t size_bytes() const override { return real_->size_bytes(); }
    int64_t committed_bytes() const override { return real_->committed_bytes(); }
    absl::Status Commit(int64_t bytes) override { return real_->Commit(bytes); }

   private:
    const std::byte* Address() const { return static_cast<const std::byte*>(real_->data()); }
    std::unique_ptr<kernels::Buffer> real_;
    Live& live_;
  };
  absl::StatusOr<std::unique_ptr<kernels::Buffer>> Watched(absl::StatusOr<std::unique_ptr<kernels::Buffer>> buffer) {
    if (!buffer.ok()) return buffer;
    return std::make_unique<WatchedBuffer>(*std::move(buffer), live_);
  }
  bool IsLive(const void* data) const {
    const auto* const address = static_cast<const std::byte*>(data);
    auto at = live_.upper_bound(address);
    return at != live_.begin() && address < (--at)->first + at->second;
  }

  double device_ns_ = 0;
  std::unique_ptr<Script> open_;
  Live live_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_TESTS_COMPILER_SEARCH_RECORDING_BACKEND_H_
