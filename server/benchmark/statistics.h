#ifndef METRONOME_SERVER_BENCHMARK_STATISTICS_H_
#define METRONOME_SERVER_BENCHMARK_STATISTICS_H_

#include <vector>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::server {

// Summary of samples as the Statistics message describes; percentiles by linear interpolation between order statistics
// (NumPy's default). Empty samples, and samples with one that is not finite, give n = 0 and zeros.
v1::Statistics Summarise(const std::vector<double>& samples);

// Sets ttft_ms, tpot_ms, step_ms and sampling_ms from the samples of those names; of scaling, positions in place of
// step_ms. One without samples keeps what it has: of a stored result the median alone.
void SummariseSamples(v1::BenchmarkResult& result);

// Sets tokens per second by the medians of ttft_ms and tpot_ms; one without a median keeps what it has.
void SetRates(v1::BenchmarkResult& result);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_STATISTICS_H_
