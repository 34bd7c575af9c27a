#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_REPORT_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "metronome/v1/benchmark.pb.h"
#include "metronome/v1/inference.pb.h"
#include "server/pages/live.h"

namespace metronome::pages {

// What a report tells of.
struct ReportSources {
  v1::Run run;                                    // With its results, and these with their samples.
  std::optional<v1::Run> earlier;                 // What it is compared with, likewise.
  std::vector<v1::ExplainResponse> explanations;  // Of models that it measured.
  std::string title;                              // Empty: the run's id.
  int64_t now_unix_micros = 0;
  std::optional<Live> live;  // Where a daemon serves it.
};

// The JSON document of a report, which the page draws:
// {"kind": "report", "format", "version", "title", "generated_unix_micros", "device", "run": v1.Run without results,
//  "answers" (answers.h), "concerns" (concerns.h), "explanations": [v1.ExplainResponse with "label", "model_label"],
//  "results": [{"model", "path", "device", "command", "cell": v1.BenchmarkResult without samples,
//    "intervals": {metric: [low, high]}, "floor": {metric: ms}, "iterations": {metric: [...]},
//    "timeline" (steps.h), "stages": [{"name", "ms"}], "searches": [v1.PlanSearch]}]}
std::string ReportDocument(ReportSources sources);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_REPORT_H_
