#ifndef METRONOME_TESTS_SERVER_SCRIPTED_DEVICE_H_
#define METRONOME_TESTS_SERVER_SCRIPTED_DEVICE_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/forwarding_backend.h"

namespace metronome::server {

// The CPU, with the telemetry of a script and a profiler that keeps the names of ranges.
class ScriptedDevice final : public ForwardingBackend {
 public:
  // Says these one after the other, then the last one again and again.
  explicit ScriptedDevice(std::vector<absl::StatusOr<kernels::DeviceTelemetry>> script)
      : ForwardingBackend(kernels::CreateCpuBackend({.threads = 1}).value()), script_(std::move(script)) {}

  absl::StatusOr<kernels::DeviceTelemetry> Telemetry() const override {
    absl::MutexLock lock(&mutex_);
    asked_within_range_ = asked_within_range_ || depth > 0;
    return script_[std::min(asked_++, script_.size() - 1)];
  }
  size_t asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

  bool asked_within_range() const {
    absl::MutexLock lock(&mutex_);
    return asked_within_range_;
  }

  bool wants_ranges() const override { return true; }
  void BeginRange(absl::string_view name) override {
    ranges.push_back(std::string(2 * depth++, ' ') + std::string(name));
  }
  void EndRange() override { --depth; }

  // In the order they began, each after two spaces for every range around it.
  std::vector<std::string> ranges;
  size_t depth = 0;

 private:
  const std::vector<absl::StatusOr<kernels::DeviceTelemetry>> script_;
  mutable absl::Mutex mutex_;
  mutable size_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable bool asked_within_range_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_SCRIPTED_DEVICE_H_
