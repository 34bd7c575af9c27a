#ifndef METRONOME_COMPILER_DRIVER_COMPILE_REPORT_H_
#define METRONOME_COMPILER_DRIVER_COMPILE_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace metronome::compiler {

// What saturation did for one distinct block.
struct SaturationReport {
  int64_t instances = 0;  // Times the block stands in the graph.
  std::string stop_reason;
  int64_t iterations = 0;
  int64_t nodes = 0;
  int64_t classes = 0;
  double elapsed_ms = 0;
};

// One candidate of a search.
struct SearchLogEntry {
  int64_t number = 0;       // From 1.
  std::string outcome;      // "accepted", "slower", or why it was rejected: "build", "resource", "numeric", "timeout".
  std::string detail;       // Of a rejection.
  double candidate_ms = 0;  // Medians of runs of one instance that took turns.
  double incumbent_ms = 0;
};

// The search for the form of one block for steps of one size.
struct SearchReport {
  int64_t block = 0;  // Index into `blocks` of the whole report.
  int64_t seq = 1;
  int64_t past = 0;
  int64_t budget = 0;
  // One instance of the default form and of the one taken, measured in turns after the search.
  double default_ms = 0;
  double best_ms = 0;
  std::vector<SearchLogEntry> log;
};

// How a model's plans came about; plain data, kept with them.
struct CompileReport {
  std::map<std::string, int64_t> rules_fired;  // Times each rule taught something, over all instances of all blocks.
  std::vector<SaturationReport> blocks;
  std::vector<SearchReport> searches;
  double saturation_ms = 0;
  double search_ms = 0;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_DRIVER_COMPILE_REPORT_H_
