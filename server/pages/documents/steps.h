#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_STEPS_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_STEPS_H_

#include <cstddef>
#include <nlohmann/json.hpp>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// Points of a timeline at most, and the decode steps that are named as outliers at most.
inline constexpr size_t kMaxTimelinePoints = 400;
inline constexpr size_t kMaxOutliers = 20;

// The decode steps of a result, as its samples have them, in the order of their positions: the median over iterations,
// the range of what is no outlier, and the slowest outliers with their cause where the result knows one. Neighbouring
// positions share a point where there are more than `points`. Null with fewer than two positions.
//
// {"position": [...], "low": [...], "median": [...], "high": [...],
//  "outliers": [{"position", "iteration", "ms", "cause"}]}
nlohmann::json Timeline(const v1::BenchmarkResult& result, size_t points = kMaxTimelinePoints);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_STEPS_H_
