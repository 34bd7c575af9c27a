#ifndef METRONOME_TESTS_GPU_BENCH_BENCH_LAUNCH_H_
#define METRONOME_TESTS_GPU_BENCH_BENCH_LAUNCH_H_

// From a row of the table to the launch functions of the kernels' families, as the backend calls them.

#include <vector>

#include "kernels/cuda/products/linear.h"
#include "tests/gpu/bench/bench_row.h"

namespace metronome::kernels::cuda::bench {

// A row with memory for its operands, in device memory.
struct Call {
  const Row* row = nullptr;
  std::vector<Operand> inputs, outputs;
  std::vector<void*> in, out;
  kernels::cuda::LinearTuning tuning;
};

// Whether there is a launch function for the kernel: not for programs that are compiled at run time.
bool Launches(const char* kernel);
void LaunchCall(const kernels::cuda::DeviceContext& context, const Call& call);

// The largest number that an index operand may hold, plus 1: rows of the table or experts that it chooses from.
int64_t IndexLimit(const Call& call);

enum class Tunes { kNothing, kGemv, kGemm };
Tunes TuningOf(const Call& call);

}  // namespace metronome::kernels::cuda::bench

#endif  // METRONOME_TESTS_GPU_BENCH_BENCH_LAUNCH_H_
