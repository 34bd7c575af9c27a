#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_CONCERNS_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_CONCERNS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// What disturbed a measurement as far as the result tells: throttling, other processes. Empty where it knows of
// nothing.
std::string Disturbance(const v1::BenchmarkResult& result);

// Why the numbers of a run may not be what they seem, the serious reasons first:
// [{"text", "severe", "results": [places in the run]}]
nlohmann::json Concerns(const v1::Run& run);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_CONCERNS_H_
