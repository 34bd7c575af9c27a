#include "tests/kernels/cuda/fake_driver.h"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/emulation/multiprocessor.h"
#include "runtime/base/status_macros.h"

namespace metronome::testing {
namespace {

using cuda::emulation::CurrentRecording;
using cuda::emulation::Multiprocessor;
using cuda::emulation::Recorded;
using cuda::emulation::RunOrRecord;

int64_t RoundUp(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

void* HostMemory(int64_t bytes) {
  void* const memory = std::aligned_alloc(256, static_cast<size_t>(RoundUp(bytes, 256)));
  std::memset(memory, 0xff, static_cast<size_t>(bytes));  // NaN in any type: what is read before it is written shows.
  return memory;
}

}  // namespace

FakeDriver::~FakeDriver() {
  for (const auto& [memory, bytes] : allocations_) std::free(memory);
  for (const auto& [memory, bytes] : pinned_) std::free(memory);
  for (const auto& [addresses, bytes] : reservations_) munmap(addresses, static_cast<size_t>(bytes));
  for (const auto& [memory, bytes] : physical_) close(static_cast<int>(memory));
}

absl::Status FakeDriver::Check() const { return lost_why_.empty() ? absl::OkStatus() : absl::InternalError(lost_why_); }

int64_t FakeDriver::live_objects() const {
  return static_cast<int64_t>(allocations_.size() + pinned_.size() + reservations_.size() + physical_.size() +
                              events_.size() + graphs_.size() + modules_.size());
}

void* FakeDriver::Find(int64_t bytes) const {
  for (const auto& [memory, size] : allocations_) {
    if (size == bytes) return memory;
  }
  return nullptr;
}

absl::Status FakeDriver::Take(int64_t bytes) {
  RETURN_IF_ERROR(Check());
  if (std::exchange(fail_next_, false) || bytes > total_bytes - used_)
    return absl::ResourceExhaustedError(absl::StrCat("cudaErrorMemoryAllocation: out of memory for ", bytes, " bytes"));
  used_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<void*> FakeDriver::Allocate(int64_t bytes) {
  RETURN_IF_ERROR(Take(bytes));
  void* const memory = HostMemory(bytes);
  allocations_[memory] = bytes;
  return memory;
}

void FakeDriver::Free(void* memory) {
  used_ -= allocations_.at(memory);
  allocations_.erase(memory);
  std::free(memory);
}

absl::StatusOr<void*> FakeDriver::AllocatePinned(int64_t bytes) {
  RETURN_IF_ERROR(Check());
  void* const memory = HostMemory(bytes);
  pinned_[memory] = bytes;
  return memory;
}

void FakeDriver::FreePinned(void* memory) {
  pinned_.erase(memory);
  std::free(memory);
}

absl::StatusOr<void*> FakeDriver::ReserveAddresses(int64_t bytes) {
  RETURN_IF_ERROR(Check());
  void* const addresses =
      mmap(nullptr, static_cast<size_t>(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (addresses == MAP_FAILED) return absl::ResourceExhaustedError("no addresses");
  reservations_[addresses] = bytes;
  return addresses;
}

void FakeDriver::FreeAddresses(void* addresses, int64_t bytes) {
  reservations_.erase(addresses);
  munmap(addresses, static_cast<size_t>(bytes));
}

absl::StatusOr<FakeDriver::PhysicalMemory> FakeDriver::CreatePhysical(int64_t bytes) {
  RETURN_IF_ERROR(Take(bytes));
  const int file = memfd_create("fake device", 0);
  if (file < 0 || ftruncate(file, bytes) != 0) return absl::InternalError("no memory file");
  const auto memory = static_cast<PhysicalMemory>(file);
  physical_[memory] = bytes;
  return memory;
}

void FakeDriver::ReleasePhysical(PhysicalMemory memory) {
  used_ -= physical_.at(memory);
  physical_.erase(memory);
  close(static_cast<int>(memory));
}

absl::Status FakeDriver::Map(void* addresses, int64_t bytes, PhysicalMemory memory) {
  RETURN_IF_ERROR(Check());
  if (bytes % kGranularity != 0 || reinterpret_cast<uintptr_t>(addresses) % 4096 != 0 || bytes > physical_.at(memory))
    return absl::InternalError(absl::StrCat("cudaErrorInvalidValue: cannot map ", bytes, " bytes"));
  void* const mapped = mmap(addresses, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                            static_cast<int>(memory), 0);
  return mapped == addresses ? absl::OkStatus() : absl::InternalError("cannot map");
}

void FakeDriver::Unmap(void* addresses, int64_t bytes) {
  mmap(addresses, static_cast<size_t>(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
       0);
}

absl::Status FakeDriver::Copy(void* to, const void* from, int64_t bytes) {
  RETURN_IF_ERROR(Check());
  RunOrRecord([=] { std::memmove(to, from, static_cast<size_t>(bytes)); });
  return absl::OkStatus();
}

absl::Status FakeDriver::Zero(void* memory, int64_t bytes) {
  RETURN_IF_ERROR(Check());
  RunOrRecord([=] { std::memset(memory, 0, static_cast<size_t>(bytes)); });
  return absl::OkStatus();
}

absl::Status FakeDriver::LastError() {
  RETURN_IF_ERROR(Check());
  if (const std::string error = Multiprocessor::OfThisThread().TakeError(); !error.empty())
    return absl::InternalError(error);
  return absl::OkStatus();
}

absl::StatusOr<FakeDriver::Event> FakeDriver::CreateEvent() {
  RETURN_IF_ERROR(Check());
  const Event event = new char;
  events_[event] = 0;
  return event;
}

void FakeDriver::FreeEvent(Event event) {
  events_.erase(event);
  delete static_cast<char*>(event);
}

absl::Status FakeDriver::Record(Event event) {
  RETURN_IF_ERROR(Check());
  RunOrRecord([&time = events_.at(event)] {
    time = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  });
  return absl::OkStatus();
}

absl::StatusOr<double> FakeDriver::SecondsBetween(Event from, Event to) {
  RETURN_IF_ERROR(Check());
  return static_cast<double>(events_.at(to) - events_.at(from)) * 1e-9;
}

absl::Status FakeDriver::BeginCapture() {
  RETURN_IF_ERROR(Check());
  capture_ = std::make_unique<Recorded>();
  CurrentRecording() = capture_.get();
  return absl::OkStatus();
}

absl::StatusOr<FakeDriver::Graph> FakeDriver::EndCapture() {
  CurrentRecording() = nullptr;
  RETURN_IF_ERROR(Check());
  const Graph graph = capture_.get();
  graphs_[graph] = std::move(capture_);
  return graph;
}

absl::Status FakeDriver::LaunchGraph(Graph graph) {
  RETURN_IF_ERROR(Check());
  for (const auto& work : *graphs_.at(graph)) work();
  return LastError();
}

void FakeDriver::FreeGraph(Graph graph) { graphs_.erase(graph); }

absl::StatusOr<cuda::Driver::Module> FakeDriver::LoadModule(absl::string_view cubin) {
  RETURN_IF_ERROR(Check());
  auto copy = std::make_unique<std::string>(cubin);
  if (!is_code(*copy)) return absl::InternalError("cudaErrorInvalidKernelImage: no code of this device");
  const Module module = copy.get();
  modules_.emplace(module, std::move(copy));
  return module;
}

void FakeDriver::UnloadModule(Module module) { modules_.erase(module); }

// A module has one function, itself.
absl::StatusOr<cuda::Driver::Function> FakeDriver::FindFunction(Module module, const char* name) {
  if (modules_.at(module)->find(name) == std::string::npos)
    return absl::InternalError(absl::StrCat("cudaErrorSymbolNotFound: ", name));
  return module;
}

absl::Status FakeDriver::LaunchFunction(Function function, unsigned blocks, unsigned threads, const void* parameter,
                                        size_t bytes) {
  RETURN_IF_ERROR(Check());
  const std::string copy(static_cast<const char*>(parameter), bytes);
  RunOrRecord([this, blocks, threads, copy, cubin = *modules_.at(function)] {
    alignas(64) std::byte aligned[4096];
    std::memcpy(aligned, copy.data(), copy.size());
    run_code(cubin, blocks, threads, aligned);
  });
  return absl::OkStatus();
}

}  // namespace metronome::testing
