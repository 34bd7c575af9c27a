#include "kernels/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/status_macros.h"

namespace metronome::cuda {

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
    std::memcpy(piece.memory, static_cast<const std::byte*>(host) + at, static_cast<size_t>(count));
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
    std::memcpy(static_cast<std::byte*>(host) + at, piece.memory, static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace metronome::cuda
