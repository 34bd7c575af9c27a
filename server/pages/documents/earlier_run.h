#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_EARLIER_RUN_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_EARLIER_RUN_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// How many of the newest runs are worth looking through for the next.
inline constexpr int kEarlierRuns = 100;

// The id of the newest complete run that began before `run`, on the same machine and in the same mode: what a report
// compares it with. Empty where `runs` has none.
std::string EarlierRun(const v1::Run& run, const v1::ListRunsResponse& runs);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_EARLIER_RUN_H_
