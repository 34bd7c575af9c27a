#include "tests/kernels/support/device_copies.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/base/status_macros.h"

namespace metronome::testing {
namespace {

constexpr size_t kAlignment = 256;  // Of a buffer.
constexpr size_t kGuardBytes = 256;
constexpr std::byte kGuard{0xa5};

}  // namespace

absl::StatusOr<kernels::TensorView> DeviceCopies::Add(const HostTensor& tensor) {
  kernels::TensorView view = tensor.View();
  Copy& copy = copies_[view.data];
  if (copy.buffer == nullptr) {
    const auto bytes = static_cast<size_t>(view.bytes());
    copy.host = view;
    copy.start = kGuardBytes + reinterpret_cast<uintptr_t>(view.data) % kAlignment;
    std::vector<std::byte> image(copy.start + bytes + kGuardBytes, kGuard);
    if (bytes > 0) std::memcpy(image.data() + copy.start, view.data, bytes);
    ASSIGN_OR_RETURN(copy.buffer, backend_.Allocate(static_cast<int64_t>(image.size())));
    RETURN_IF_ERROR(backend_.CopyToDevice(copy.buffer->data(), image.data(), static_cast<int64_t>(image.size())));
  }
  if (view.bytes() > copy.host.bytes()) return absl::InternalError("a larger tensor of the same memory came later");
  view.data = static_cast<std::byte*>(copy.buffer->data()) + copy.start;
  return view;
}

absl::Status DeviceCopies::Fetch() {
  for (const auto& [address, copy] : copies_) {
    const auto bytes = static_cast<size_t>(copy.host.bytes());
    std::vector<std::byte> image(copy.start + bytes + kGuardBytes);
    RETURN_IF_ERROR(backend_.CopyToHost(image.data(), copy.buffer->data(), static_cast<int64_t>(image.size())));
    const auto intact = [](std::byte byte) { return byte == kGuard; };
    const auto tensor = image.begin() + static_cast<std::ptrdiff_t>(copy.start);
    if (!std::all_of(image.begin(), tensor, intact) ||
        !std::all_of(tensor + static_cast<std::ptrdiff_t>(bytes), image.end(), intact))
      return absl::InternalError("something was written around a tensor");
    if (bytes > 0) std::memcpy(copy.host.data, image.data() + copy.start, bytes);
  }
  return absl::OkStatus();
}

}  // namespace metronome::testing
