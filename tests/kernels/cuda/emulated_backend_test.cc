#include "tests/kernels/cuda/emulated_backend.h"

#include <algorithm>
#include <iterator>

#include "kernels/catalogue.h"
#include "tests/kernels/kernel_test.h"

namespace metronome::testing {
namespace {

// The catalogue's kernels that have no CUDA version yet: suites that need them are skipped. Writing one means taking it
// off this list.
constexpr absl::string_view kUnwritten[] = {"attention"};

TEST(EmulatedBackendTest, HasEveryKernelOfTheCatalogueButTheUnwritten) {
  const auto backend = CreateEmulatedBackend({});
  for (const KernelSpec& spec : KernelCatalogue()) {
    const bool unwritten = std::find(std::begin(kUnwritten), std::end(kUnwritten), spec.name) != std::end(kUnwritten);
    const auto kernel = backend->FindKernel(spec.name);
    EXPECT_EQ(kernel.status().code(), unwritten ? absl::StatusCode::kNotFound : absl::StatusCode::kOk) << spec.name;
    if (kernel.ok()) {
      EXPECT_EQ((*kernel)->name(), spec.name);
    }
  }
  for (const absl::string_view name : kUnwritten) EXPECT_NE(FindKernelSpec(name), nullptr) << name;
}

}  // namespace
}  // namespace metronome::testing
