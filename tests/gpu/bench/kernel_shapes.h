#ifndef METRONOME_TESTS_GPU_BENCH_KERNEL_SHAPES_H_
#define METRONOME_TESTS_GPU_BENCH_KERNEL_SHAPES_H_

#include <string>

#include "absl/status/statusor.h"

namespace metronome::testing {

// kernel_shapes.inc as the compiler's plans have it now: what a decode step at depth 1024 and a prompt of 1024 tokens
// launch, of each model of the catalogue that is not tiny, in bfloat16. A row for each launch that differs, with how
// many there are, and its bytes and operations as the catalogue of kernels counts them. `tiny`: of the tiny models,
// and of shorter steps, for tests of who reads the table.
absl::StatusOr<std::string> KernelShapeTable(bool tiny = false);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_GPU_BENCH_KERNEL_SHAPES_H_
