#ifndef METRONOME_KERNELS_INTERFACE_BACKEND_H_
#define METRONOME_KERNELS_INTERFACE_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/device_telemetry.h"
#include "kernels/interface/tensor_view.h"
#include "kernels/interface/token_draw.h"

namespace metronome::kernels {

// What a device says of itself; recorded with every benchmark result.
struct DeviceInfo {
  std::string name;             // "AMD EPYC 9B14", "NVIDIA H200".
  std::string instruction_set;  // Best kernels in use: "avx512_bf16", "avx2", "sm_90a".
  int threads = 0;              // Host threads that run kernels.
  int64_t memory_total_bytes = 0;
  std::string runtime;  // Version of what runs the kernels, if that has one: "13.0" of CUDA.
  std::string driver;   // Likewise of what drives the device: "580.65.06".
  // Of others, which its kernels may call: "cuBLASLt 13.1.0"; or why one that there could be is not used.
  std::string libraries;
  // How its kernels were tuned on this very machine, a line each; empty where they were not.
  std::string tuning;
};

// Device memory, freed on destruction. A reserved buffer is one contiguous range of addresses of which a prefix is
// backed by memory; that of a ring is the same memory again and again.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() const = 0;          // Device address, 256-byte aligned.
  virtual int64_t size_bytes() const = 0;  // The whole range.
  // Makes [0, bytes) usable, keeping contents. ResourceExhausted when the device has no more. No-op on a buffer from
  // Allocate.
  virtual absl::Status Commit(int64_t bytes) = 0;
  virtual int64_t committed_bytes() const = 0;  // Memory that backs it.
};

// One kernel of the backend, ready to launch; owned by the backend and valid as long as it.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual absl::string_view name() const = 0;
};

// The operands of one launch. Shapes and dtypes were checked against the catalogue when the plan was bound, so a kernel
// may CHECK them.
struct KernelArgs {
  absl::Span<const TensorView> inputs;
  absl::Span<const TensorView> outputs;
  const Attributes* attributes = nullptr;
  // Some size or attribute is the step's position plus a constant: the rows of a cache, where rows are written, where
  // positions begin. A backend that records launches must then read the position when they run.
  bool follows_past = false;
};

struct KernelLaunch {
  const Kernel* kernel = nullptr;
  KernelArgs args;
};

// Device memory to be copied to the host.
struct HostCopy {
  void* host = nullptr;
  const void* device = nullptr;
  int64_t bytes = 0;
};

// A point in the stream of what is enqueued, whose time can be read once the device has passed it. Owned by who asked
// for it, valid as long as the backend.
class TimeMark {
 public:
  virtual ~TimeMark() = default;
};

// Launches that were recorded once and can run many times; owned by who asked for it, valid as long as the backend.
class Recording {
 public:
  virtual ~Recording() = default;
};

// One way to tune a kernel launch: an integer attribute of that name, with the values worth trying. A launch without it
// takes the kernel's own choice.
struct TuningParameter {
  absl::string_view name;
  std::vector<int64_t> values;
};

// A device: memory, kernels, a single in-order stream. Not thread-safe: one thread (the engine's) drives it; Describe,
// MemoryAvailableBytes and Telemetry may be called from any.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::string_view name() const = 0;  // "cpu", "cuda".
  virtual DeviceInfo Describe() const = 0;
  // Memory that new buffers could take right now, after what others hold.
  virtual int64_t MemoryAvailableBytes() const = 0;
  // True where device pointers can be read and written by the host, so that mapped files serve as weights without a
  // copy.
  virtual bool host_addressable() const = 0;

  // Backed, zero-filled memory. InvalidArgument (bytes < 0), ResourceExhausted.
  virtual absl::StatusOr<std::unique_ptr<Buffer>> Allocate(int64_t bytes) = 0;
  // Address space only; Commit backs it. InvalidArgument, ResourceExhausted.
  virtual absl::StatusOr<std::unique_ptr<Buffer>> Reserve(int64_t bytes) = 0;
  // Reserve, where the addresses x and x + p are the same memory: p is `period_bytes`, rounded up to the device's
  // pages. Whoever moves through it forwards sees the last p bytes written. InvalidArgument (a size < 1),
  // ResourceExhausted.
  virtual absl::StatusOr<std::unique_ptr<Buffer>> ReserveRing(int64_t bytes, int64_t period_bytes) = 0;
  // `host` is the caller's again on return.
  virtual absl::Status CopyToDevice(void* device, const void* host, int64_t bytes) = 0;
  // Waits for what was enqueued before.
  virtual absl::Status CopyToHost(void* host, const void* device, int64_t bytes) = 0;
  virtual absl::Status CopyOnDevice(void* to, const void* from, int64_t bytes) = 0;

  // NotFound when this backend has no kernel of that catalogue name.
  virtual absl::StatusOr<const Kernel*> FindKernel(absl::string_view name) const = 0;
  // What may be tuned about launches of a kernel with such operands (of tensors, only shapes and dtypes are read). Any
  // value gives the same result up to the order of summation.
  virtual std::vector<TuningParameter> TuningSpace(const Kernel& kernel, const KernelArgs& args) const = 0;
  // Enqueues; returns before completion on an asynchronous device. Unimplemented for a dtype the kernel does not serve.
  virtual absl::Status Launch(const Kernel& kernel, const KernelArgs& args) = 0;
  // Enqueues launches that do not depend on each other and may run side by side. Meant for small ones.
  virtual absl::Status LaunchTogether(absl::Span<const KernelLaunch> launches) = 0;
  // Host time that launches have spent on making code, so far: what a launch costs the first time and never again.
  virtual int64_t CompileTimeNs() const { return 0; }
  // Bytes per second of a plain read of memory far larger than any cache, with all threads: the roofline of a decode
  // step. Takes about half a second. ResourceExhausted.
  virtual absl::StatusOr<double> MeasureReadBandwidth() = 0;

  // Waits for everything enqueued; reports the first failure.
  virtual absl::Status Synchronize() = 0;
  // Makes all the copies and synchronizes, with one wait where the device allows.
  virtual absl::Status Fetch(absl::Span<const HostCopy> copies);

  // A mark for SetMark, as often as wanted. Those of a backend that runs launches at once are points of host time.
  virtual absl::StatusOr<std::unique_ptr<TimeMark>> CreateMark();
  // Moves the mark behind all that was enqueued. Recorded like a launch.
  virtual absl::Status SetMark(TimeMark& mark);
  // Waits for the device to pass the mark.
  virtual absl::Status WaitFor(const TimeMark& mark);
  // Device time from one mark to a later one; waits for that. Both were set.
  virtual absl::StatusOr<double> SecondsBetween(const TimeMark& from, const TimeMark& to);

  // Whether launches can be recorded: worth it where launching costs the host more than the device.
  virtual bool can_record() const { return false; }
  // From now to EndRecording launches do not run but are recorded, for a step at position `past`.
  virtual absl::Status BeginRecording(int64_t past);
  // What was launched since, or the first error of that. FailedPrecondition for a launch that follows the position in a
  // way that the backend cannot record.
  virtual absl::StatusOr<std::unique_ptr<Recording>> EndRecording();
  // Enqueues recorded launches for a step at position `past`, with the addresses that they were recorded with.
  virtual absl::Status Replay(const Recording& recording, int64_t past);

  // Whether tokens can be drawn on the device.
  virtual bool can_draw() const { return false; }
  // Enqueues a draw; it can be recorded. Unimplemented where can_draw() is false. InvalidArgument (logits that are no
  // float vector, or more than 2 Mi), ResourceExhausted (more than the backend has room to work on).
  virtual absl::Status Draw(const TokenDraw& draw);

  // Not OK once the device has failed for good: what it was. Nothing will run on this backend again. From any thread.
  virtual absl::Status Health() const { return absl::OkStatus(); }

  // Clocks, temperature, power and throttling now, which takes up to milliseconds. Unimplemented where the device does
  // not tell; FailedPrecondition or NotFound naming what is missing where it should. From any thread.
  virtual absl::StatusOr<DeviceTelemetry> Telemetry() const;

  // Ranges of a profiler's timeline; see ProfilerRange. Whether a profiler listens, which does not change.
  virtual bool wants_ranges() const { return false; }
  virtual void BeginRange(absl::string_view /*name*/) {}
  virtual void EndRange() {}  // The one begun last.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_BACKEND_H_
