#ifndef METRONOME_KERNELS_CUDA_DEVICE_DRIVER_H_
#define METRONOME_KERNELS_CUDA_DEVICE_DRIVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/interface/device_telemetry.h"

struct CUstream_st;  // What cudaStream_t points to.

namespace metronome::kernels::cuda {

struct DeviceProperties {
  std::string name;  // "NVIDIA H200".
  int compute_major = 0;
  int compute_minor = 0;
  int multiprocessors = 1;
  std::string runtime;         // Version of CUDA that the kernels were built with: "13.0".
  std::string driver_version;  // "580.65.06"; "for CUDA 13.0" where NVML does not tell.
};

struct DeviceMemory {
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
};

// What the backend asks of CUDA, so that its logic can be tested without a device. One device, one in-order stream:
// whatever is called "enqueued" happens in that order, everything else at once. Not thread-safe, except for Memory()
// and Telemetry().
//
// Errors: ResourceExhausted when the device is out of memory. Internal with CUDA's name of the error for any other;
// `lost()` then says whether the device will ever work again in this process.
class Driver {
 public:
  using PhysicalMemory = uint64_t;  // A handle; 0 is none.
  using Graph = void*;
  using Event = void*;
  using Module = void*;
  using Function = void*;

  virtual ~Driver() = default;

  virtual const DeviceProperties& properties() const = 0;
  virtual absl::StatusOr<DeviceMemory> Memory() const = 0;
  virtual CUstream_st* stream() const = 0;
  // True after an error that leaves the process's context unusable (an illegal address, a failed launch).
  virtual bool lost() const = 0;

  virtual absl::StatusOr<void*> Allocate(int64_t bytes) = 0;  // Device memory, 256-byte aligned, contents undefined.
  virtual void Free(void* memory) = 0;                        // When all that was enqueued is done.
  // Page-locked host memory that kernels can reach too; the same address on both sides.
  virtual absl::StatusOr<void*> AllocatePinned(int64_t bytes) = 0;
  virtual void FreePinned(void* memory) = 0;

  // Virtual memory. Sizes and addresses are multiples of granularity(), a power of two.
  virtual int64_t granularity() const = 0;
  virtual absl::StatusOr<void*> ReserveAddresses(int64_t bytes) = 0;
  virtual void FreeAddresses(void* addresses, int64_t bytes) = 0;
  virtual absl::StatusOr<PhysicalMemory> CreatePhysical(int64_t bytes) = 0;  // Contents undefined.
  virtual void ReleasePhysical(PhysicalMemory memory) = 0;                   // What is mapped stays until unmapped.
  // Makes `memory`, all of its `bytes`, readable and writable at `addresses`, which are reserved and where nothing is
  // mapped. The same memory may be mapped at several places.
  virtual absl::Status Map(void* addresses, int64_t bytes, PhysicalMemory memory) = 0;
  virtual void Unmap(void* addresses, int64_t bytes) = 0;  // What one Map has mapped. Waits for the stream.

  // Enqueued; either side is pinned or of the device. The two do not overlap.
  virtual absl::Status Copy(void* to, const void* from, int64_t bytes) = 0;
  virtual absl::Status Zero(void* memory, int64_t bytes) = 0;  // Enqueued; of the device.
  virtual absl::Status Synchronize() = 0;                      // Waits for all that was enqueued.
  virtual absl::Status LastError() = 0;                        // Of launches since the last call.

  // Points in the stream.
  virtual absl::StatusOr<Event> CreateEvent() = 0;
  virtual void FreeEvent(Event event) = 0;
  virtual absl::Status Record(Event event) = 0;   // Moves it to here; in a capture, whenever the graph runs.
  virtual absl::Status WaitFor(Event event) = 0;  // On the host; returns at once if it was never recorded.
  // Waits for `to`. Internal where one was never recorded.
  virtual absl::StatusOr<double> SecondsBetween(Event from, Event to) = 0;

  // What is enqueued between the two is captured and does not happen. Nothing is allocated, freed, loaded or waited for
  // between them. Any error of EndCapture leaves the stream as it was before. Events that a graph records live as long.
  virtual absl::Status BeginCapture() = 0;
  virtual absl::StatusOr<Graph> EndCapture() = 0;
  virtual absl::Status LaunchGraph(Graph graph) = 0;  // Enqueued.
  virtual void FreeGraph(Graph graph) = 0;

  // Code made at run time.
  virtual absl::StatusOr<Module> LoadModule(
      absl::string_view cubin) = 0;              // Internal for what is no code of the device.
  virtual void UnloadModule(Module module) = 0;  // When nothing enqueued uses it.
  virtual absl::StatusOr<Function> FindFunction(Module module, const char* name) = 0;
  // Enqueued: a kernel of one parameter, copied from here.
  virtual absl::Status LaunchFunction(Function function, unsigned blocks, unsigned threads, const void* parameter,
                                      size_t bytes) = 0;

  // As of Backend.
  virtual absl::StatusOr<DeviceTelemetry> Telemetry() const = 0;
  virtual bool wants_ranges() const = 0;
  virtual void BeginRange(absl::string_view name) = 0;
  virtual void EndRange() = 0;
};

// The first device of this process. FailedPrecondition naming what is missing: no driver, no device, too old.
absl::StatusOr<std::unique_ptr<Driver>> CreateCudaDriver();

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_DRIVER_H_
