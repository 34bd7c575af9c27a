#ifndef METRONOME_SERVER_BENCHMARK_EXTERNAL_RESULT_H_
#define METRONOME_SERVER_BENCHMARK_EXTERNAL_RESULT_H_

#include "absl/status/status.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::server {

// Makes of a result that was measured elsewhere what the store keeps: provenance "external", defaults of outcome and
// scenario, statistics of its samples, rates of its medians. Of statistics without samples the medians stay.
//
// InvalidArgument naming the field, its value and what it may be: no model, dtype or path, one of outcome, scenario,
// path or a sample's metric that is not known, a number outside [0, 2^63), "ok" without a time that was
// measured, anything else without error_text. Then `result` is left half changed.
absl::Status NormaliseExternalResult(v1::BenchmarkResult& result);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_EXTERNAL_RESULT_H_
