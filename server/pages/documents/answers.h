#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_ANSWERS_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_ANSWERS_H_

#include <nlohmann/json.hpp>
#include <vector>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// The samples of one metric in the order they were taken; of a result without samples none.
std::vector<double> ValuesOf(const v1::BenchmarkResult& result, const char* metric);

// For each thing that was measured in a run its fastest path, beside the other paths and beside an earlier run:
// [{"result": place in the run, "comparisons": [{"metric", "against": place | "run_id", "ratio", "low", "high",
//   "verdict", "reason"}]}]
// `earlier` may be null; results of both have their samples.
nlohmann::json Answers(const v1::Run& run, const v1::Run* earlier);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_ANSWERS_H_
