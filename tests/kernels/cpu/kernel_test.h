#ifndef METRONOME_TESTS_KERNELS_CPU_KERNEL_TEST_H_
#define METRONOME_TESTS_KERNELS_CPU_KERNEL_TEST_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/attributes.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/kernels/cpu/host_tensor.h"

namespace metronome::testing {

// A way to build the CPU backend.
struct Variant {
  std::string name;  // "avx2_3threads".
  CpuBackendOptions options;
};

// The reference kernels and every instruction set this machine has, on one thread and on three (more than the CPUs of a
// small machine); the best also on two and five.
std::vector<Variant> AllVariants();

// One backend per variant and process: threads are slow to start.
Backend& BackendOf(const Variant& variant);

// Checks the operands against the catalogue as a bound plan would, then runs the kernel to completion.
absl::Status RunKernel(Backend& backend, absl::string_view name, const std::vector<HostTensor>& inputs,
                       const std::vector<HostTensor>& outputs, const Attributes& attributes = {});

class KernelTest : public ::testing::TestWithParam<Variant> {
 protected:
  Backend& backend() { return BackendOf(GetParam()); }
  absl::Status Run(absl::string_view name, const std::vector<HostTensor>& inputs, const HostTensor& output,
                   const Attributes& attributes = {}) {
    return RunKernel(backend(), name, inputs, {output}, attributes);
  }
  absl::Status Run(absl::string_view name, const std::vector<HostTensor>& inputs,
                   const std::vector<HostTensor>& outputs, const Attributes& attributes = {}) {
    return RunKernel(backend(), name, inputs, outputs, attributes);
  }
};

#define METRONOME_TEST_ALL_VARIANTS(suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Cpu, suite, ::testing::ValuesIn(::metronome::testing::AllVariants()), \
                           [](const auto& info) { return info.param.name; })

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CPU_KERNEL_TEST_H_
