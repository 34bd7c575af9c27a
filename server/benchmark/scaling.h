#ifndef METRONOME_SERVER_BENCHMARK_SCALING_H_
#define METRONOME_SERVER_BENCHMARK_SCALING_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/benchmark/measurement.h"
#include "server/model/loaded_model.h"

namespace metronome::server {

// 1, 2, 4, ... below `last`, and `last`, which is at least 1.
std::vector<int64_t> ScalingPositions(int64_t last);

// The time of a decode step by the positions in the cache before it, which hold random keys and values: `iters` steps
// at each of ScalingPositions(max_cache_len - prompt_tokens), after one that is not measured. OutOfRange where the
// cache has no room for that; errors of Session; samples taken before one stay.
absl::Status MeasureScaling(LoadedModel& model, Measurement& measurement);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_SCALING_H_
