#include "absl/strings/str_cat.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {

// The reference kernels and every instruction set this machine has, on one thread and on three (more than the CPUs of a
// small machine); the best also on two and five.
std::vector<Variant> AllVariants() {
  std::vector<Variant> variants;
  const auto add = [&](absl::string_view name, kernels::CpuBackendOptions options, int threads) {
    options.threads = threads;
    variants.push_back(
        {absl::StrCat(name, "_", threads, "threads"), [options] { return kernels::CreateCpuBackend(options); }});
  };
  const kernels::CpuBackendOptions reference = {.kernels = kernels::CpuKernels::kReference};
  for (const int threads : {1, 3}) add("reference", reference, threads);
  const kernels::cpu::InstructionSet best = kernels::cpu::DetectInstructionSet();
  for (int level = 0; level <= static_cast<int>(best); ++level) {
    const auto set = static_cast<kernels::cpu::InstructionSet>(level);
    for (const int threads : {1, 3}) add(kernels::cpu::Name(set), {.instruction_set = set}, threads);
  }
  for (const int threads : {2, 5}) add(kernels::cpu::Name(best), {.instruction_set = best}, threads);
  return variants;
}

}  // namespace metronome::testing
