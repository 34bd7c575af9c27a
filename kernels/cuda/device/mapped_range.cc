#include "kernels/cuda/device/mapped_range.h"

#include <utility>

#include "kernels/base/status_macros.h"

namespace metronome::kernels::cuda {
namespace {

// The states of some ten sessions of a model of 48 layers.
constexpr size_t kMostKept = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<MappedRange>> MappedRange::Reserve(Driver& driver, int64_t bytes) {
  ASSIGN_OR_RETURN(void* const addresses, driver.ReserveAddresses(bytes));
  return std::unique_ptr<MappedRange>(new MappedRange(driver, static_cast<char*>(addresses), bytes));
}

MappedRange::~MappedRange() {
  Unmap();
  driver_.FreeAddresses(base_, size_);
}

absl::Status MappedRange::MapNew(int64_t bytes) {
  ASSIGN_OR_RETURN(const Driver::PhysicalMemory memory, driver_.CreatePhysical(bytes));
  if (absl::Status status = MapNext(bytes, memory); !status.ok()) {
    driver_.ReleasePhysical(memory);
    return status;
  }
  memory_.push_back(memory);
  physical_ += bytes;
  return absl::OkStatus();
}

absl::Status MappedRange::MapFirstAgain() { return MapNext(mappings_.front(), memory_.front()); }

absl::Status MappedRange::MapNext(int64_t bytes, Driver::PhysicalMemory memory) {
  RETURN_IF_ERROR(driver_.Map(base_ + mapped_, bytes, memory));
  mappings_.push_back(bytes);
  mapped_ += bytes;
  return absl::OkStatus();
}

void MappedRange::Unmap() {
  char* at = base_;
  for (const int64_t bytes : mappings_) {
    driver_.Unmap(at, bytes);
    at += bytes;
  }
  for (const Driver::PhysicalMemory memory : memory_) driver_.ReleasePhysical(memory);
  mappings_.clear();
  memory_.clear();
  mapped_ = physical_ = 0;
}

std::unique_ptr<MappedRange> RangePool::Take(int64_t bytes, int64_t period_bytes) {
  auto best = kept_.end();
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    if (at->range->size_bytes() != bytes || at->period_bytes != period_bytes) continue;
    if (best == kept_.end() || at->range->data() < best->range->data()) best = at;
  }
  if (best == kept_.end()) return nullptr;
  std::unique_ptr<MappedRange> range = std::move(best->range);
  kept_.erase(best);
  return range;
}

void RangePool::Keep(std::unique_ptr<MappedRange> range, int64_t period_bytes) {
  if (physical_bytes() + range->physical_bytes() > most_physical_bytes_) range->Unmap();
  kept_.push_back({std::move(range), period_bytes});
  if (kept_.size() > kMostKept) kept_.pop_front();
}

void RangePool::GiveBackMemory() {
  for (const Kept& kept : kept_) kept.range->Unmap();
}

int64_t RangePool::physical_bytes() const {
  int64_t bytes = 0;
  for (const Kept& kept : kept_) bytes += kept.range->physical_bytes();
  return bytes;
}

}  // namespace metronome::kernels::cuda
