#include "kernels/cuda/emulation/multiprocessor.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/cuda/fakes/fake_matmul_library.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {

// Every order of threads.
std::vector<Variant> AllVariants() {
  using kernels::cuda::emulation::ThreadOrder;
  std::vector<Variant> variants;
  for (const auto& [name, order] : {std::pair<const char*, ThreadOrder>{"emulated_forward", ThreadOrder::kForward},
                                    {"emulated_reverse", ThreadOrder::kReverse},
                                    {"emulated_shuffled", ThreadOrder::kShuffled}})
    variants.push_back({name, [order = order] { return CreateEmulatedBackend({.emulation = {.order = order}}); }});
  // As on a device, which reaches only memory of its own, and has a library of products.
  variants.push_back(
      {.name = "emulated_copies_library",
       .create = [] { return CreateEmulatedBackend({.library = std::make_unique<FakeMatmulLibrary>()}); },
       .copies_operands = true});
  return variants;
}

}  // namespace metronome::testing
