#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_DRIVER_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_DRIVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/cuda/device/driver.h"
#include "kernels/cuda/emulation/recorder.h"
#include "tests/kernels/cuda/fakes/fake_virtual_memory.h"

namespace metronome::testing {

// Where CUDA may refuse to capture launches as a graph.
enum class CaptureStage : uint8_t { kBegin, kLaunch, kEnd, kReplay };

// A device in host memory, for emulated kernels. What is enqueued happens at once. Tests say how much memory it has and
// when it fails, and see what it holds.
//
// It is as strict as CUDA, or stricter: a call that a device could refuse, or survive by luck (memory freed twice, a
// wait within a capture, an event destroyed before the graph that records it), is a misuse. That call and all later
// ones fail, and a process that does not take the misuse is aborted when the driver goes.
class FakeDriver final : public kernels::cuda::Driver {
 public:
  static constexpr int64_t kGranularity = 65536;

  ~FakeDriver() override;

  int64_t total_bytes = int64_t{1} << 33;
  // Two: few enough that small tensors make blocks stride.
  kernels::cuda::DeviceProperties device = {
      .name = "emulated", .compute_major = 9, .compute_minor = 0, .multiprocessors = 2};

  absl::StatusOr<kernels::DeviceTelemetry> telemetry = absl::FailedPreconditionError("no NVML");
  bool profiled = false;  // Whether ranges are kept.
  // In the order they began, each after two spaces for every range around it.
  std::vector<std::string> ranges;
  int open_ranges = 0;

  // Everything fails from now on.
  void Lose(const std::string& why) { lost_why_ = why; }
  // The next creation of physical memory, or allocation, fails for want of memory, whatever there is.
  void FailNextAllocation() { fail_next_ = true; }
  // Each capture from now on fails at that stage, or none with OK.
  void RefuseCaptures(CaptureStage stage, const absl::Status& status) { refusals_[stage] = status; }
  // What the first call that broke a rule did; empty if none has.
  std::string TakeMisuse();
  // Runs a kernel of what was loaded as a module; false for what is no code.
  std::function<bool(const std::string& cubin)> is_code = [](const std::string&) { return false; };
  std::function<void(const std::string& cubin, unsigned blocks, unsigned threads, const void* parameter)> run_code;
  int64_t used_bytes() const;
  int64_t live_objects() const;  // Allocations, reservations, memory, mappings, events and graphs.
  // The one allocation of this size.
  void* Find(int64_t bytes) const;

  const kernels::cuda::DeviceProperties& properties() const override { return device; }
  absl::StatusOr<kernels::cuda::DeviceMemory> Memory() const override {
    return kernels::cuda::DeviceMemory{.free_bytes = total_bytes - used_bytes(), .total_bytes = total_bytes};
  }
  CUstream_st* stream() const override { return nullptr; }
  bool lost() const override { return !lost_why_.empty(); }

  absl::StatusOr<void*> Allocate(int64_t bytes) override;
  void Free(void* memory) override;
  absl::StatusOr<void*> AllocatePinned(int64_t bytes) override;
  void FreePinned(void* memory) override;

  int64_t granularity() const override { return kGranularity; }
  absl::StatusOr<void*> ReserveAddresses(int64_t bytes) override;
  void FreeAddresses(void* addresses, int64_t bytes) override;
  absl::StatusOr<PhysicalMemory> CreatePhysical(int64_t bytes) override;
  void ReleasePhysical(PhysicalMemory memory) override;
  absl::Status Map(void* addresses, int64_t bytes, PhysicalMemory memory) override;
  void Unmap(void* addresses, int64_t bytes) override;

  absl::Status Copy(void* to, const void* from, int64_t bytes) override;
  absl::Status Zero(void* memory, int64_t bytes) override;
  absl::Status Synchronize() override { return Outside("cudaStreamSynchronize"); }
  absl::Status LastError() override;

  absl::StatusOr<Event> CreateEvent() override;
  void FreeEvent(Event event) override;
  absl::Status Record(Event event) override;
  absl::Status WaitFor(Event event) override;
  absl::StatusOr<double> SecondsBetween(Event from, Event to) override;

  absl::Status BeginCapture() override;
  absl::StatusOr<Graph> EndCapture() override;
  absl::Status LaunchGraph(Graph graph) override;
  void FreeGraph(Graph graph) override;

  absl::StatusOr<Module> LoadModule(absl::string_view cubin) override;
  void UnloadModule(Module module) override;
  absl::StatusOr<Function> FindFunction(Module module, const char* name) override;
  absl::Status LaunchFunction(Function function, unsigned blocks, unsigned threads, const void* parameter,
                              size_t bytes) override;
  absl::StatusOr<kernels::DeviceTelemetry> Telemetry() const override { return telemetry; }
  bool wants_ranges() const override { return profiled; }
  void BeginRange(absl::string_view name) override {
    ranges.push_back(std::string(2 * static_cast<size_t>(open_ranges++), ' ') + std::string(name));
  }
  void EndRange() override { --open_ranges; }

 private:
  // What was captured, and the events it records.
  struct CapturedGraph {
    kernels::cuda::emulation::Recorded work;
    std::set<Event> events;
  };

  absl::Status Check() const;                                // That the device is there and no rule was broken.
  absl::Status Outside(const char* call);                    // Likewise, and that no capture is under way.
  absl::Status Misused(const absl::Status& status);          // Keeps what is not OK; gives it back.
  absl::Status Misused(const char* call, const char* what);  // Likewise.
  absl::Status Take(const char* call, int64_t bytes);
  absl::Status Refusal(CaptureStage stage) const;
  bool Reaches(const void* data, int64_t bytes, bool device_only) const;

  std::string lost_why_, misuse_;
  bool fail_next_ = false;
  std::map<void*, int64_t> allocations_, pinned_;
  int64_t allocated_bytes_ = 0;
  FakeVirtualMemory virtual_{kGranularity};
  std::map<Event, std::optional<int64_t>> events_;  // Nanoseconds; nullopt until recorded.
  std::map<Graph, std::unique_ptr<CapturedGraph>> graphs_;
  std::unique_ptr<CapturedGraph> capture_;
  bool capture_invalid_ = false;
  std::map<CaptureStage, absl::Status> refusals_;
  std::map<Module, std::unique_ptr<std::string>> modules_;
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_DRIVER_H_
