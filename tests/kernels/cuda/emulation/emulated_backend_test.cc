#include "tests/kernels/cuda/fakes/emulated_backend.h"

#include "kernels/catalogue/catalogue.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

TEST(EmulatedBackendTest, HasEveryKernelOfTheCatalogue) {
  const auto backend = CreateEmulatedBackend({});
  for (const kernels::KernelSpec& spec : kernels::KernelCatalogue()) {
    const auto kernel = backend->FindKernel(spec.name);
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    EXPECT_EQ((*kernel)->name(), spec.name);
  }
  EXPECT_EQ(backend->FindKernel("convolution").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace metronome::testing
