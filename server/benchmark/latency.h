#ifndef METRONOME_SERVER_BENCHMARK_LATENCY_H_
#define METRONOME_SERVER_BENCHMARK_LATENCY_H_

#include <functional>

#include "absl/status/status.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/engine.h"

namespace metronome {

// Fills the defaults of a spec. InvalidArgument naming the field, its value and its range.
absl::Status NormaliseSpec(v1::BenchmarkSpec& spec);

using BenchmarkProgress = std::function<void(absl::string_view phase, double fraction)>;

// Measures time to first token and per output token of one model: loads it unless it is loaded, runs warm-up
// iterations, then `iters` iterations of the whole prompt and `decode_tokens` tokens, each from an empty cache. On the
// engine's thread; `spec` is normalised. A model that this call loaded is unloaded again. Failures and skips are
// results too: outcome, error and bytes say why. `keep_going` is asked between tokens.
v1::BenchmarkResult RunLatency(Engine& engine, const v1::BenchmarkSpec& spec, const std::function<bool()>& keep_going,
                               const BenchmarkProgress& progress);

}  // namespace metronome

#endif  // METRONOME_SERVER_BENCHMARK_LATENCY_H_
