#ifndef METRONOME_TESTS_KERNELS_SUPPORT_DEVICE_COPIES_H_
#define METRONOME_TESTS_KERNELS_SUPPORT_DEVICE_COPIES_H_

#include <cstddef>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// Operands of a launch in the memory of a device that cannot reach the host's: each at an address as aligned as its
// host's, between guards. Tensors that share memory on the host, from its first byte, share it here too.
class DeviceCopies {
 public:
  explicit DeviceCopies(kernels::Backend& backend) : backend_(backend) {}

  // Copies the tensor to the device, unless one of the same memory, as large or larger, is there already.
  absl::StatusOr<kernels::TensorView> Add(const HostTensor& tensor);
  // Copies everything back. Internal when something was written around a tensor.
  absl::Status Fetch();

 private:
  struct Copy {
    kernels::TensorView host;
    std::unique_ptr<kernels::Buffer> buffer;
    size_t start = 0;
  };

  kernels::Backend& backend_;
  std::map<const void*, Copy> copies_;  // By address on the host.
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_SUPPORT_DEVICE_COPIES_H_
