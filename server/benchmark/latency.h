#ifndef METRONOME_SERVER_BENCHMARK_LATENCY_H_
#define METRONOME_SERVER_BENCHMARK_LATENCY_H_

#include "absl/status/status.h"
#include "server/benchmark/measurement.h"
#include "server/model/loaded_model.h"

namespace metronome::server {

// Time to first token and per output token: warm-up iterations, then `iters` iterations of the whole prompt and
// `decode_tokens` tokens, each from an empty cache. Errors of Generation; samples taken before one stay.
absl::Status MeasureLatency(LoadedModel& model, Measurement& measurement);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_LATENCY_H_
