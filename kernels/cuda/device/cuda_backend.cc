#include "kernels/cuda/device/cuda_backend.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/op_table.h"
#include "kernels/cuda/attention/attention.h"
#include "kernels/cuda/device/device_heap.h"
#include "kernels/cuda/device/position.h"
#include "kernels/cuda/device/read_probe.h"
#include "kernels/cuda/device/staging.h"
#include "kernels/cuda/draw/draw_token.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/tuning.h"
#include "kernels/interface/profiler_range.h"

namespace metronome::kernels::cuda {
namespace {

class CudaKernel final : public Kernel {
 public:
  CudaKernel(absl::string_view name, CudaFunction function) : name_(name), function_(function) {}
  absl::string_view name() const override { return name_; }
  CudaFunction function() const { return function_; }

 private:
  std::string name_;
  CudaFunction function_;
};

class GraphRecording final : public Recording {
 public:
  GraphRecording(Driver& driver, Driver::Graph graph) : driver_(driver), graph_(graph) {}
  ~GraphRecording() override { driver_.FreeGraph(graph_); }
  Driver::Graph graph() const { return graph_; }

 private:
  Driver& driver_;
  Driver::Graph graph_;
};

// Tokens and flags of a step, not its logits.
constexpr int64_t kMailboxBytes = 16384;

class EventMark final : public TimeMark {
 public:
  EventMark(Driver& driver, Driver::Event event) : driver_(driver), event_(event) {}
  ~EventMark() override { driver_.FreeEvent(event_); }
  Driver::Event event() const { return event_; }

 private:
  Driver& driver_;
  Driver::Event event_;
};

Driver::Event EventOf(const TimeMark& mark) { return static_cast<const EventMark&>(mark).event(); }

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::unique_ptr<Driver> driver, const CudaBackendOptions& options,
              absl::StatusOr<std::unique_ptr<MatmulLibrary>> library)
      : driver_(std::move(driver)),
        options_(options),
        heap_(*driver_, options.kept_bytes),
        library_(std::move(library)) {
    for (const auto& [name, function] : KernelTable())
      kernels_.emplace(name, std::make_unique<CudaKernel>(name, function));
  }

  ~CudaBackend() override {
    if (fault_seen_ != nullptr) driver_->FreePinned(fault_seen_);
  }

  absl::Status Start() {
    ASSIGN_OR_RETURN(void* const pinned, driver_->AllocatePinned(sizeof(IndexFault) + kMailboxBytes));
    fault_seen_ = new (pinned) IndexFault();
    mailbox_ = static_cast<std::byte*>(pinned) + sizeof(IndexFault);
    ASSIGN_OR_RETURN(fault_, heap_.Allocate(sizeof(IndexFault)));
    ASSIGN_OR_RETURN(staging_, Staging::Create(*driver_, options_.staging_bytes));
    ASSIGN_OR_RETURN(workspace_, heap_.Allocate(options_.workspace_bytes));
    const int multiprocessors = driver_->properties().multiprocessors;
    ASSIGN_OR_RETURN(scratch_, heap_.AllocateUnfilled(AttentionScratchBytes(multiprocessors)));
    ASSIGN_OR_RETURN(past_, heap_.Allocate(sizeof(int64_t)));
    if (options_.fused != nullptr) fused_ = options_.fused(*driver_);
    context_ = {.stream = driver_->stream(),
                .multiprocessors = multiprocessors,
                .fault = static_cast<IndexFault*>(fault_->data()),
                .workspace = {.data = workspace_->data(), .bytes = workspace_->size_bytes()},
                .scratch = {.data = scratch_->data(), .bytes = scratch_->size_bytes()},
                .fused = fused_.get()};
    if (library_.ok()) RETURN_IF_ERROR(StartLibrary());
    return driver_->Synchronize();
  }

  absl::string_view name() const override { return "cuda"; }

  DeviceInfo Describe() const override {
    const DeviceProperties& device = driver_->properties();
    const absl::StatusOr<DeviceMemory> memory = driver_->Memory();
    return {.name = device.name,
            .instruction_set = absl::StrCat("sm_", device.compute_major, device.compute_minor),
            .threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency())),
            .memory_total_bytes = memory.ok() ? memory->total_bytes : 0,
            .runtime = device.runtime,
            .driver = device.driver_version,
            .libraries = Libraries()};
  }

  int64_t MemoryAvailableBytes() const override { return heap_.AvailableBytes(); }
  bool host_addressable() const override { return false; }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(int64_t bytes) override {
    RETURN_IF_ERROR(Health());
    absl::StatusOr<std::unique_ptr<Buffer>> buffer = heap_.Allocate(bytes);
    RETURN_IF_ERROR(Noting(buffer.status()));
    return buffer;
  }
  absl::StatusOr<std::unique_ptr<Buffer>> Reserve(int64_t bytes) override {
    RETURN_IF_ERROR(Health());
    return heap_.Reserve(bytes);
  }
  absl::StatusOr<std::unique_ptr<Buffer>> ReserveRing(int64_t bytes, int64_t period_bytes) override {
    RETURN_IF_ERROR(Health());
    return heap_.ReserveRing(bytes, period_bytes);
  }

  absl::Status CopyToDevice(void* device, const void* host, int64_t bytes) override {
    RETURN_IF_ERROR(Health());
    return Noting(staging_->ToDevice(device, host, bytes));
  }
  absl::Status CopyToHost(void* host, const void* device, int64_t bytes) override {
    RETURN_IF_ERROR(Health());
    return Noting(staging_->ToHost(host, device, bytes));
  }
  absl::Status CopyOnDevice(void* to, const void* from, int64_t bytes) override {
    RETURN_IF_ERROR(Health());
    return bytes == 0 ? absl::OkStatus() : Noting(driver_->Copy(to, from, bytes));
  }

  absl::StatusOr<const Kernel*> FindKernel(absl::string_view name) const override {
    const auto found = kernels_.find(name);
    if (found == kernels_.end())
      return absl::NotFoundError(absl::StrCat("the cuda backend has no kernel '", name, "'"));
    return found->second.get();
  }
  std::vector<TuningParameter> TuningSpace(const Kernel& kernel, const KernelArgs& args) const override {
    return CudaTuningSpace(kernel.name(), args, context_.library);
  }

  absl::Status Launch(const Kernel& kernel, const KernelArgs& args) override {
    RETURN_IF_ERROR(Health());
    // In all other kernels a size that follows the position is fixed when they are launched.
    if (recording_ && args.follows_past && !HasTrait(kernel.name(), kReadsPosition)) {
      return absl::FailedPreconditionError(
          absl::StrCat("kernel ", kernel.name(), " cannot follow the position in a recording"));
    }
    const ProfilerRange range(*this, [&] { return kernel.name(); });
    RETURN_IF_ERROR(Noting(static_cast<const CudaKernel&>(kernel).function()(context_, args)));
    return Noting(driver_->LastError());
  }
  absl::Status LaunchTogether(absl::Span<const KernelLaunch> launches) override {
    for (const KernelLaunch& launch : launches) RETURN_IF_ERROR(Launch(*launch.kernel, launch.args));
    return absl::OkStatus();
  }

  int64_t CompileTimeNs() const override { return fused_ == nullptr ? 0 : fused_->compile_ns(); }

  absl::Status Synchronize() override {
    RETURN_IF_ERROR(Health());
    RETURN_IF_ERROR(Noting(driver_->Copy(fault_seen_, fault_->data(), sizeof(IndexFault))));
    RETURN_IF_ERROR(Noting(driver_->Synchronize()));
    if (fault_seen_->raised != 0) RETURN_IF_ERROR(Noting(driver_->Zero(fault_->data(), sizeof(IndexFault))));
    return ToStatus(*fault_seen_);
  }
  absl::Status Fetch(absl::Span<const HostCopy> copies) override {
    int64_t bytes = 0;
    for (const HostCopy& copy : copies) bytes += copy.bytes;
    if (bytes > kMailboxBytes) return Backend::Fetch(copies);
    RETURN_IF_ERROR(Health());
    std::byte* at = mailbox_;
    for (const HostCopy& copy : copies) {
      if (copy.bytes > 0) RETURN_IF_ERROR(Noting(driver_->Copy(at, copy.device, copy.bytes)));
      at += copy.bytes;
    }
    RETURN_IF_ERROR(Synchronize());
    at = mailbox_;
    for (const HostCopy& copy : copies) {
      std::copy_n(at, copy.bytes, static_cast<std::byte*>(copy.host));
      at += copy.bytes;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<TimeMark>> CreateMark() override {
    RETURN_IF_ERROR(Health());
    absl::StatusOr<Driver::Event> event = driver_->CreateEvent();
    RETURN_IF_ERROR(Noting(event.status()));
    return std::make_unique<EventMark>(*driver_, *event);
  }
  absl::Status SetMark(TimeMark& mark) override {
    RETURN_IF_ERROR(Health());
    return Noting(driver_->Record(EventOf(mark)));
  }
  absl::Status WaitFor(const TimeMark& mark) override {
    RETURN_IF_ERROR(Health());
    return Noting(driver_->WaitFor(EventOf(mark)));
  }
  absl::StatusOr<double> SecondsBetween(const TimeMark& from, const TimeMark& to) override {
    RETURN_IF_ERROR(Health());
    absl::StatusOr<double> seconds = driver_->SecondsBetween(EventOf(from), EventOf(to));
    RETURN_IF_ERROR(Noting(seconds.status()));
    return seconds;
  }

  absl::StatusOr<double> MeasureReadBandwidth() override;

  bool can_record() const override { return true; }
  absl::Status BeginRecording(int64_t past) override {
    RETURN_IF_ERROR(Health());
    if (recording_) return absl::FailedPreconditionError("a recording has begun already");
    RETURN_IF_ERROR(Noting(driver_->BeginCapture()));
    recording_ = true;
    context_.past = static_cast<const int64_t*>(past_->data());
    context_.captured_past = past;
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<Recording>> EndRecording() override {
    if (!recording_) return absl::FailedPreconditionError("no recording has begun");
    recording_ = false;
    context_.past = nullptr;
    absl::StatusOr<Driver::Graph> graph = driver_->EndCapture();
    RETURN_IF_ERROR(Noting(graph.status()));
    return std::make_unique<GraphRecording>(*driver_, *graph);
  }
  absl::Status Replay(const Recording& recording, int64_t past) override {
    RETURN_IF_ERROR(Health());
    LaunchSetPosition(context_, static_cast<int64_t*>(past_->data()), past);
    RETURN_IF_ERROR(Noting(driver_->LastError()));
    return Noting(driver_->LaunchGraph(static_cast<const GraphRecording&>(recording).graph()));
  }

  bool can_draw() const override { return true; }
  absl::Status Draw(const TokenDraw& draw) override {
    RETURN_IF_ERROR(Health());
    RETURN_IF_ERROR(DrawToken(context_, draw));
    return Noting(driver_->LastError());
  }

  absl::Status Health() const override {
    absl::MutexLock lock(&mutex_);
    return health_;
  }

  absl::StatusOr<DeviceTelemetry> Telemetry() const override { return driver_->Telemetry(); }
  bool wants_ranges() const override { return driver_->wants_ranges(); }
  void BeginRange(absl::string_view name) override { driver_->BeginRange(name); }
  void EndRange() override { driver_->EndRange(); }

 private:
  std::string Libraries() const {
    const std::string products = library_.ok() ? (*library_)->Describe() : std::string(library_.status().message());
    return fused_ == nullptr ? products : absl::StrCat(products, ", ", fused_->description());
  }

  // A library works without memory too, with fewer algorithms.
  absl::Status StartLibrary() {
    absl::StatusOr<std::unique_ptr<Buffer>> workspace = heap_.AllocateUnfilled(options_.library_workspace_bytes);
    if (workspace.ok()) {
      library_workspace_ = *std::move(workspace);
      (*library_)->SetWorkspace({.data = library_workspace_->data(), .bytes = library_workspace_->size_bytes()});
    } else if (!absl::IsResourceExhausted(workspace.status())) {
      return workspace.status();
    }
    context_.library = library_->get();
    return absl::OkStatus();
  }

  // Keeps an error that the device does not survive.
  absl::Status Noting(const absl::Status& status) {
    if (status.ok() || !driver_->lost()) return status;
    absl::MutexLock lock(&mutex_);
    if (health_.ok()) health_ = absl::InternalError(absl::StrCat("the CUDA device failed: ", status.message()));
    return health_;
  }

  std::unique_ptr<Driver> driver_;
  const CudaBackendOptions options_;
  DeviceHeap heap_;
  absl::flat_hash_map<std::string, std::unique_ptr<CudaKernel>> kernels_;
  IndexFault* fault_seen_ = nullptr;  // In pinned memory: what fault_ was at the last wait.
  std::byte* mailbox_ = nullptr;      // Behind it: kMailboxBytes through which small copies reach the host.
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Buffer> fault_, workspace_, scratch_, past_, library_workspace_;
  const absl::StatusOr<std::unique_ptr<MatmulLibrary>> library_;
  std::unique_ptr<FusedLauncher> fused_;
  DeviceContext context_;
  bool recording_ = false;

  mutable absl::Mutex mutex_;
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<double> CudaBackend::MeasureReadBandwidth() {
  constexpr int kReads = 7;
  constexpr int64_t kLine = 256;
  RETURN_IF_ERROR(Health());
  // Where the model left little room, less is read, but never what a cache could hold.
  const int64_t bytes = std::min(options_.probe_bytes, MemoryAvailableBytes() / 2) / kLine * kLine;
  if (bytes < options_.probe_bytes / 8)
    return absl::ResourceExhaustedError(absl::StrCat("no room for the probe: ", bytes, " bytes"));
  absl::StatusOr<std::unique_ptr<Buffer>> data = heap_.AllocateUnfilled(bytes);
  RETURN_IF_ERROR(Noting(data.status()));
  LaunchFillRandom(context_, (*data)->data(), bytes);
  RETURN_IF_ERROR(Noting(driver_->LastError()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Buffer> result, Allocate(sizeof(uint32_t)));
  std::vector<double> seconds;
  for (int i = 0; i < kReads; ++i) {
    ASSIGN_OR_RETURN(const Driver::Event start, driver_->CreateEvent());
    ASSIGN_OR_RETURN(const Driver::Event end, driver_->CreateEvent());
    const auto read = [&]() -> absl::StatusOr<double> {
      RETURN_IF_ERROR(driver_->Record(start));
      LaunchReadProbe(context_, (*data)->data(), bytes, static_cast<uint32_t*>(result->data()));
      RETURN_IF_ERROR(driver_->LastError());
      RETURN_IF_ERROR(driver_->Record(end));
      return driver_->SecondsBetween(start, end);
    };
    const absl::StatusOr<double> time = read();
    driver_->FreeEvent(start);
    driver_->FreeEvent(end);
    RETURN_IF_ERROR(Noting(time.status()));
    seconds.push_back(*time);
  }
  std::nth_element(seconds.begin(), seconds.begin() + kReads / 2, seconds.end());
  return static_cast<double>(bytes) / seconds[kReads / 2];
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> CreateCudaBackend(std::unique_ptr<Driver> driver,
                                                           const CudaBackendOptions& options,
                                                           absl::StatusOr<std::unique_ptr<MatmulLibrary>> library) {
  auto backend = std::make_unique<CudaBackend>(std::move(driver), options, std::move(library));
  RETURN_IF_ERROR(backend->Start());
  return backend;
}

}  // namespace metronome::kernels::cuda
