#include "kernels/cuda/device/staging.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "kernels/base/status_macros.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int64_t kGrainBytes = int64_t{1} << 20;  // That a thread copies at a time.
constexpr unsigned kMostThreads = 8;               // More do not copy faster than the bus takes.

}  // namespace

Staging::Staging(Driver& driver, int64_t piece_bytes)
    : driver_(driver),
      piece_bytes_(piece_bytes),
      threads_(static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads))) {}

void Staging::CopyOnHost(void* to, const void* from, int64_t bytes) {
  threads_.ParallelFor(bytes, kGrainBytes, [&](int64_t begin, int64_t end, int) {
    std::memcpy(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
                static_cast<size_t>(end - begin));
  });
}

absl::StatusOr<std::unique_ptr<Staging>> Staging::Create(Driver& driver, int64_t piece_bytes) {
  auto staging = std::unique_ptr<Staging>(new Staging(driver, piece_bytes));
  for (Piece& piece : staging->pieces_) {
    ASSIGN_OR_RETURN(void* const memory, driver.AllocatePinned(piece_bytes));
    piece.memory = static_cast<std::byte*>(memory);
    ASSIGN_OR_RETURN(piece.last_use, driver.CreateEvent());
  }
  return staging;
}

Staging::~Staging() {
  for (const Piece& piece : pieces_) {
    if (piece.last_use != nullptr) driver_.FreeEvent(piece.last_use);
    if (piece.memory != nullptr) driver_.FreePinned(piece.memory);
  }
}

absl::Status Staging::ToDevice(void* device, const void* host, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += piece_bytes_) {
    const int64_t count = std::min(piece_bytes_, bytes - at);
    Piece& piece = pieces_[next_++ % pieces_.size()];
    RETURN_IF_ERROR(driver_.WaitFor(piece.last_use));
    CopyOnHost(piece.memory, static_cast<const std::byte*>(host) + at, count);
    RETURN_IF_ERROR(driver_.Copy(static_cast<std::byte*>(device) + at, piece.memory, count));
    RETURN_IF_ERROR(driver_.Record(piece.last_use));
  }
  return absl::OkStatus();
}

absl::Status Staging::ToHost(void* host, const void* device, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += piece_bytes_) {
    const int64_t count = std::min(piece_bytes_, bytes - at);
    Piece& piece = pieces_[next_++ % pieces_.size()];
    RETURN_IF_ERROR(driver_.WaitFor(piece.last_use));
    RETURN_IF_ERROR(driver_.Copy(piece.memory, static_cast<const std::byte*>(device) + at, count));
    RETURN_IF_ERROR(driver_.Record(piece.last_use));
    RETURN_IF_ERROR(driver_.WaitFor(piece.last_use));
    CopyOnHost(static_cast<std::byte*>(host) + at, piece.memory, count);
  }
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cuda
