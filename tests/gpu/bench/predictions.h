#ifndef METRONOME_TESTS_GPU_BENCH_PREDICTIONS_H_
#define METRONOME_TESTS_GPU_BENCH_PREDICTIONS_H_

#include <string>

namespace metronome::testing {

// What the launches of kernel_shapes.inc would take on the devices of bench::kPredicted, as Markdown: the sums of each
// model's steps, then those kernels that take 2% of a decode step or more.
std::string PredictionTables();

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_GPU_BENCH_PREDICTIONS_H_
