#include "tests/kernels/cuda/fakes/fake_driver.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/emulation/multiprocessor.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::CurrentRecording;
using kernels::cuda::emulation::Multiprocessor;
using kernels::cuda::emulation::RunOrRecord;

int64_t RoundUp(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

void* HostMemory(int64_t bytes) {
  void* const memory = std::aligned_alloc(256, static_cast<size_t>(RoundUp(bytes, 256)));
  std::memset(memory, 0xff, static_cast<size_t>(bytes));  // NaN in any type: what is read before it is written shows.
  return memory;
}

bool IsIn(const std::map<void*, int64_t>& ranges, const char* data, int64_t bytes) {
  auto range = ranges.upper_bound(const_cast<char*>(data));
  if (range == ranges.begin()) return false;
  --range;
  return data + bytes <= static_cast<const char*>(range->first) + range->second;
}

}  // namespace

FakeDriver::~FakeDriver() {
  if (!misuse_.empty()) {
    std::fprintf(stderr, "the fake CUDA driver was misused: %s\n", misuse_.c_str());
    std::abort();
  }
  for (const auto& [memory, bytes] : allocations_) std::free(memory);
  for (const auto& [memory, bytes] : pinned_) std::free(memory);
}

absl::Status FakeDriver::Check() const {
  if (!misuse_.empty()) return absl::InternalError(misuse_);
  return lost_why_.empty() ? absl::OkStatus() : absl::InternalError(lost_why_);
}

absl::Status FakeDriver::Misused(const absl::Status& status) {
  if (!status.ok() && !absl::IsResourceExhausted(status) && misuse_.empty()) misuse_ = std::string(status.message());
  return status;
}

absl::Status FakeDriver::Misused(const char* call, const char* what) {
  return Misused(absl::InternalError(absl::StrCat(call, ": ", what)));
}

std::string FakeDriver::TakeMisuse() { return std::exchange(misuse_, ""); }

absl::Status FakeDriver::Outside(const char* call) {
  RETURN_IF_ERROR(Check());
  if (capture_ == nullptr) return absl::OkStatus();
  capture_invalid_ = true;
  return Misused(call, "cudaErrorStreamCaptureUnsupported, within a capture");
}

int64_t FakeDriver::used_bytes() const { return allocated_bytes_ + virtual_.used_bytes(); }

int64_t FakeDriver::live_objects() const {
  return static_cast<int64_t>(allocations_.size() + pinned_.size() + events_.size() + graphs_.size() +
                              modules_.size()) +
         virtual_.live_objects();
}

void* FakeDriver::Find(int64_t bytes) const {
  for (const auto& [memory, size] : allocations_) {
    if (size == bytes) return memory;
  }
  return nullptr;
}

absl::Status FakeDriver::Take(const char* call, int64_t bytes) {
  RETURN_IF_ERROR(Outside(call));
  if (bytes <= 0) return Misused(call, "no bytes");
  if (std::exchange(fail_next_, false) || bytes > total_bytes - used_bytes())
    return absl::ResourceExhaustedError(absl::StrCat("cudaErrorMemoryAllocation: out of memory for ", bytes, " bytes"));
  return absl::OkStatus();
}

absl::StatusOr<void*> FakeDriver::Allocate(int64_t bytes) {
  RETURN_IF_ERROR(Take("cudaMallocAsync", bytes));
  void* const memory = HostMemory(bytes);
  allocations_[memory] = bytes;
  allocated_bytes_ += bytes;
  return memory;
}

void FakeDriver::Free(void* memory) {
  if (capture_ != nullptr) (void)Outside("cudaFreeAsync");
  const auto at = allocations_.find(memory);
  if (at == allocations_.end()) {
    (void)Misused("cudaFreeAsync", "nothing is allocated there");
    return;
  }
  allocated_bytes_ -= at->second;
  allocations_.erase(at);
  std::free(memory);
}

absl::StatusOr<void*> FakeDriver::AllocatePinned(int64_t bytes) {
  RETURN_IF_ERROR(Outside("cudaHostAlloc"));
  if (bytes <= 0) return Misused("cudaHostAlloc", "no bytes");
  void* const memory = HostMemory(bytes);
  pinned_[memory] = bytes;
  return memory;
}

void FakeDriver::FreePinned(void* memory) {
  if (pinned_.erase(memory) == 0) {
    (void)Misused("cudaFreeHost", "nothing is allocated there");
    return;
  }
  std::free(memory);
}

absl::StatusOr<void*> FakeDriver::ReserveAddresses(int64_t bytes) {
  RETURN_IF_ERROR(Check());
  absl::StatusOr<void*> addresses = virtual_.Reserve(bytes);
  RETURN_IF_ERROR(Misused(addresses.status()));
  return addresses;
}

void FakeDriver::FreeAddresses(void* addresses, int64_t bytes) {
  (void)Misused(virtual_.FreeAddresses(addresses, bytes));
}

absl::StatusOr<FakeDriver::PhysicalMemory> FakeDriver::CreatePhysical(int64_t bytes) {
  RETURN_IF_ERROR(Take("cuMemCreate", bytes));
  absl::StatusOr<PhysicalMemory> memory = virtual_.Create(bytes);
  RETURN_IF_ERROR(Misused(memory.status()));
  return memory;
}

void FakeDriver::ReleasePhysical(PhysicalMemory memory) { (void)Misused(virtual_.Release(memory)); }

absl::Status FakeDriver::Map(void* addresses, int64_t bytes, PhysicalMemory memory) {
  RETURN_IF_ERROR(Outside("cuMemMap"));
  return Misused(virtual_.Map(addresses, bytes, memory));
}

void FakeDriver::Unmap(void* addresses, int64_t bytes) {
  if (capture_ != nullptr) (void)Outside("cuMemUnmap");
  (void)Misused(virtual_.Unmap(addresses, bytes));
}

// Whether the stream may copy from or to there while it does not wait for the host.
bool FakeDriver::Reaches(const void* data, int64_t bytes, bool device_only) const {
  const auto* const at = static_cast<const char*>(data);
  return IsIn(allocations_, at, bytes) || virtual_.IsMapped(data, bytes) || (!device_only && IsIn(pinned_, at, bytes));
}

absl::Status FakeDriver::Copy(void* to, const void* from, int64_t bytes) {
  RETURN_IF_ERROR(Check());
  if (!Reaches(to, bytes, false) || !Reaches(from, bytes, false))
    return Misused("cudaMemcpyAsync", "memory that is neither the device's nor pinned");
  if (const auto* a = static_cast<const char*>(to), *b = static_cast<const char*>(from); a < b + bytes && b < a + bytes)
    return Misused("cudaMemcpyAsync", "the two overlap");
  RunOrRecord([=] { std::memcpy(to, from, static_cast<size_t>(bytes)); });
  return absl::OkStatus();
}

absl::Status FakeDriver::Zero(void* memory, int64_t bytes) {
  RETURN_IF_ERROR(Check());
  if (!Reaches(memory, bytes, true)) return Misused("cudaMemsetAsync", "memory that is not the device's");
  RunOrRecord([=] { std::memset(memory, 0, static_cast<size_t>(bytes)); });
  return absl::OkStatus();
}

absl::Status FakeDriver::LastError() {
  RETURN_IF_ERROR(Check());
  if (const std::string error = Multiprocessor::OfThisThread().TakeError(); !error.empty())
    return absl::InternalError(error);
  if (capture_ == nullptr) return absl::OkStatus();
  const absl::Status refused = Refusal(CaptureStage::kLaunch);
  capture_invalid_ = capture_invalid_ || !refused.ok();
  return refused;
}

absl::StatusOr<FakeDriver::Event> FakeDriver::CreateEvent() {
  RETURN_IF_ERROR(Check());
  const Event event = new char;
  events_[event] = std::nullopt;
  return event;
}

void FakeDriver::FreeEvent(Event event) {
  if (events_.erase(event) == 0) {
    (void)Misused("cudaEventDestroy", "no such event");
    return;
  }
  delete static_cast<char*>(event);
}

absl::Status FakeDriver::Record(Event event) {
  RETURN_IF_ERROR(Check());
  if (events_.find(event) == events_.end()) return Misused("cudaEventRecord", "no such event");
  if (capture_ != nullptr) capture_->events.insert(event);
  RunOrRecord([this, event] {
    events_.at(event) = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  });
  return absl::OkStatus();
}

absl::Status FakeDriver::WaitFor(Event event) {
  RETURN_IF_ERROR(Outside("cudaEventSynchronize"));
  return events_.find(event) == events_.end() ? Misused("cudaEventSynchronize", "no such event") : absl::OkStatus();
}

absl::StatusOr<double> FakeDriver::SecondsBetween(Event from, Event to) {
  RETURN_IF_ERROR(WaitFor(to));
  RETURN_IF_ERROR(WaitFor(from));
  const std::optional<int64_t> start = events_.at(from), end = events_.at(to);
  if (!start.has_value() || !end.has_value())
    return absl::InternalError("cudaErrorInvalidResourceHandle: an event was never recorded");
  return static_cast<double>(*end - *start) * 1e-9;
}

absl::Status FakeDriver::Refusal(CaptureStage stage) const {
  const auto at = refusals_.find(stage);
  return at == refusals_.end() ? absl::OkStatus() : at->second;
}

absl::Status FakeDriver::BeginCapture() {
  RETURN_IF_ERROR(Check());
  if (capture_ != nullptr) return Misused("cudaStreamBeginCapture", "a capture is under way");
  RETURN_IF_ERROR(Refusal(CaptureStage::kBegin));
  capture_ = std::make_unique<CapturedGraph>();
  capture_invalid_ = false;
  CurrentRecording() = &capture_->work;
  return absl::OkStatus();
}

absl::StatusOr<FakeDriver::Graph> FakeDriver::EndCapture() {
  if (capture_ == nullptr) return Misused("cudaStreamEndCapture", "no capture is under way");
  CurrentRecording() = nullptr;
  std::unique_ptr<CapturedGraph> captured = std::move(capture_);
  RETURN_IF_ERROR(Check());
  if (capture_invalid_) return absl::InternalError("cudaErrorStreamCaptureInvalidated: a call broke it");
  RETURN_IF_ERROR(Refusal(CaptureStage::kEnd));
  const Graph graph = captured.get();
  graphs_[graph] = std::move(captured);
  return graph;
}

absl::Status FakeDriver::LaunchGraph(Graph graph) {
  RETURN_IF_ERROR(Outside("cudaGraphLaunch"));
  const auto at = graphs_.find(graph);
  if (at == graphs_.end()) return Misused("cudaGraphLaunch", "no such graph");
  RETURN_IF_ERROR(Refusal(CaptureStage::kReplay));
  for (const Event event : at->second->events) {
    if (events_.find(event) == events_.end()) return Misused("cudaGraphLaunch", "an event that it records is gone");
  }
  for (const auto& work : at->second->work) work();
  return LastError();
}

void FakeDriver::FreeGraph(Graph graph) {
  if (graphs_.erase(graph) == 0) (void)Misused("cudaGraphExecDestroy", "no such graph");
}

absl::StatusOr<kernels::cuda::Driver::Module> FakeDriver::LoadModule(absl::string_view cubin) {
  RETURN_IF_ERROR(Outside("cudaLibraryLoadData"));
  auto copy = std::make_unique<std::string>(cubin);
  if (!is_code(*copy)) return absl::InternalError("cudaErrorInvalidKernelImage: no code of this device");
  const Module module = copy.get();
  modules_.emplace(module, std::move(copy));
  return module;
}

void FakeDriver::UnloadModule(Module module) {
  if (modules_.erase(module) == 0) (void)Misused("cudaLibraryUnload", "no such library");
}

// A module has one function, itself.
absl::StatusOr<kernels::cuda::Driver::Function> FakeDriver::FindFunction(Module module, const char* name) {
  RETURN_IF_ERROR(Outside("cudaLibraryGetKernel"));
  if (modules_.at(module)->find(name) == std::string::npos)
    return absl::InternalError(absl::StrCat("cudaErrorSymbolNotFound: ", name));
  return module;
}

absl::Status FakeDriver::LaunchFunction(Function function, unsigned blocks, unsigned threads, const void* parameter,
                                        size_t bytes) {
  RETURN_IF_ERROR(Check());
  if (blocks == 0 || threads == 0 || threads > Multiprocessor::kMaxBlockThreads)
    return Misused("cudaLaunchKernel", "cudaErrorInvalidConfiguration");
  const std::string copy(static_cast<const char*>(parameter), bytes);
  RunOrRecord([this, blocks, threads, copy, cubin = *modules_.at(function)] {
    alignas(64) std::byte aligned[4096];
    std::memcpy(aligned, copy.data(), copy.size());
    run_code(cubin, blocks, threads, aligned);
  });
  return absl::OkStatus();
}

}  // namespace metronome::testing
