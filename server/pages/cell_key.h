#ifndef METRONOME_SERVER_PAGES_CELL_KEY_H_
#define METRONOME_SERVER_PAGES_CELL_KEY_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// What was measured, whatever ran it: results with equal keys differ in their path alone, and in when they were made.
// The name of the configuration does not count, what it stood for does.
std::string CellKey(const v1::BenchmarkResult& result);

// The same with its path and provenance: results with equal keys are repetitions of one another.
std::string PathKey(const v1::BenchmarkResult& result);

// What ran the kernels: "NVIDIA H100 80GB HBM3", else the processor.
std::string DeviceName(const v1::ServerEnvironment& machine);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_CELL_KEY_H_
