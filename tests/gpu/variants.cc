#include <cstdio>
#include <cstdlib>

#include "kernels/interface/backend_loader.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {

// The CUDA device of this machine.
std::vector<Variant> AllVariants() {
  const auto load = [] {
    absl::StatusOr<std::unique_ptr<kernels::Backend>> backend =
        kernels::LoadBackend(kernels::LibraryCandidates("libmetronome_cuda.so"));
    if (backend.ok()) {
      std::fprintf(stderr, "libraries: %s\n", (*backend)->Describe().libraries.c_str());
      return *std::move(backend);
    }
    std::fprintf(stderr, "%s\n", std::string(backend.status().message()).c_str());
    std::exit(4);
  };
  return {{.name = "cuda", .create = load, .copies_operands = true}};
}

}  // namespace metronome::testing
