#ifndef METRONOME_TESTS_KERNELS_SUPPORT_KERNEL_TEST_H_
#define METRONOME_TESTS_KERNELS_SUPPORT_KERNEL_TEST_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/backend.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// The suites of this folder run on every way that a test program has to build a backend.
struct Variant {
  std::string name;  // "avx2_3threads", "emulated_reverse".
  std::function<absl::StatusOr<std::unique_ptr<kernels::Backend>>()> create;
  bool copies_operands = false;  // The device cannot reach the host's memory, where the tensors of tests are.
};

// Each test program that links the suites defines it.
std::vector<Variant> AllVariants();

// One backend per variant and process: threads are slow to start.
kernels::Backend& BackendOf(const Variant& variant);

// Checks the operands against the catalogue as a bound plan would, then runs the kernel to completion: on the tensors'
// own memory, or on copies in the device's.
absl::Status RunKernelOnCopies(kernels::Backend& backend, absl::string_view name, const std::vector<HostTensor>& inputs,
                               const std::vector<HostTensor>& outputs, const kernels::Attributes& attributes);
absl::Status RunKernel(kernels::Backend& backend, absl::string_view name, const std::vector<HostTensor>& inputs,
                       const std::vector<HostTensor>& outputs, const kernels::Attributes& attributes = {});

class KernelTest : public ::testing::TestWithParam<Variant> {
 protected:
  kernels::Backend& backend() { return BackendOf(GetParam()); }
  absl::Status Run(absl::string_view name, const std::vector<HostTensor>& inputs, const HostTensor& output,
                   const kernels::Attributes& attributes = {}) {
    return Run(name, inputs, std::vector<HostTensor>{output}, attributes);
  }
  absl::Status Run(absl::string_view name, const std::vector<HostTensor>& inputs,
                   const std::vector<HostTensor>& outputs, const kernels::Attributes& attributes = {}) {
    return (GetParam().copies_operands ? RunKernelOnCopies : RunKernel)(backend(), name, inputs, outputs, attributes);
  }
};

#define METRONOME_TEST_ALL_VARIANTS(suite)                                                      \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::ValuesIn(::metronome::testing::AllVariants()), \
                           [](const auto& info) { return info.param.name; })

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_SUPPORT_KERNEL_TEST_H_
