#ifndef METRONOME_CLIENT_RENDER_RESULTS_H_
#define METRONOME_CLIENT_RENDER_RESULTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

enum class OutputFormat { kTable, kMarkdown, kJson };

// "table", "md", "json". InvalidArgument.
absl::StatusOr<OutputFormat> ParseOutputFormat(const std::string& name);

// Results as an aligned table with a line for each that was not measured; as Markdown in llama-bench's habit (a row a
// test: pp21, tg5 @ d21, mean +- stddev); or as a JSON object.
std::string RenderRun(const v1::Run& run, OutputFormat format);
std::string RenderRuns(const std::vector<v1::Run>& runs, OutputFormat format);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_RESULTS_H_
