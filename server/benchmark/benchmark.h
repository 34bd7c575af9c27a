#ifndef METRONOME_SERVER_BENCHMARK_BENCHMARK_H_
#define METRONOME_SERVER_BENCHMARK_BENCHMARK_H_

#include "kernels/base/cancel_token.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/benchmark/measurement.h"
#include "server/engine/engine.h"

namespace metronome::server {

// Measures one model as the normalised spec says: loads it unless it is loaded, runs the scenario, and unloads it if
// this call loaded it. On the engine's thread. Failures and skips are results too: outcome, error and bytes say why.
v1::BenchmarkResult RunBenchmark(Engine& engine, const v1::BenchmarkSpec& spec, const CancelToken& token,
                                 const BenchmarkProgress& progress);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_BENCHMARK_H_
