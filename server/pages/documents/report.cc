#include "server/pages/documents/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/labels/model_label.h"
#include "proto/labels/path_label.h"
#include "runtime/statistics/sample/bootstrap.h"
#include "runtime/statistics/sample/quantile.h"
#include "server/pages/cell_key.h"
#include "server/pages/documents/answers.h"
#include "server/pages/documents/concerns.h"
#include "server/pages/documents/document.h"
#include "server/pages/documents/steps.h"
#include "server/pages/message_json.h"
#include "server/pages/numbers.h"
#include "server/pages/repeat_command.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

// What a page of 200 results has room for within 2 MB.
constexpr size_t kTimelinePoints = 36000;  // Of all results together.
constexpr size_t kFewestPoints = 40;
constexpr size_t kResampledValues = 4'000'000;  // Drawn for an interval: some 20 ms.
constexpr size_t kIterations = 60;              // Of a result that are listed.

constexpr std::array<const char*, 2> kMetrics = {"ttft_ms", "tpot_ms"};
// Samples of how long a stage of TTFT took, and what the page calls it.
constexpr std::array<std::pair<const char*, const char*>, 5> kStages = {{{"queue_ms", "queue"},
                                                                         {"tokenize_ms", "tokenize"},
                                                                         {"prefill_ms", "prefill"},
                                                                         {"sample_ms", "sample"},
                                                                         {"first_write_ms", "first write"}}};

// The interval of the median. Where there are many values, fewer resamples say as much.
Json Interval(const std::vector<double>& values) {
  const auto resamples = static_cast<int>(std::clamp<size_t>(kResampledValues / values.size(), 100, 1000));
  const auto interval = statistics::BootstrapMedian(values, {.resamples = resamples});
  if (!interval.ok()) return Json();
  return {Rounded(interval->low, 8), Rounded(interval->high, 8)};
}

void AddIterations(const v1::BenchmarkResult& result, Json& json) {
  Json intervals = Json::object(), iterations = Json::object();
  for (const char* metric : kMetrics) {
    std::vector<double> values = ValuesOf(result, metric);
    if (values.empty()) continue;
    if (Json interval = Interval(values); !interval.is_null()) intervals[metric] = std::move(interval);
    if (values.size() > kIterations) values.resize(kIterations);
    for (double& value : values) value = Rounded(value, 6);
    iterations[metric] = values;
  }
  json["intervals"] = std::move(intervals);
  json["iterations"] = std::move(iterations);
}

// The least that the bytes take at the speed of a plain read: of a token those of a step, of the first one the weights
// that a token needs.
Json Floor(const v1::BenchmarkResult& result) {
  Json floor = Json::object();
  const double bandwidth = result.bandwidth_bytes_per_second();
  if (bandwidth <= 0 || result.step_bytes() <= 0) return floor;
  const auto milliseconds = [&](int64_t bytes) { return Rounded(static_cast<double>(bytes) / bandwidth * 1e3, 6); };
  floor["tpot_ms"] = milliseconds(result.step_bytes());
  if (result.weight_bytes() > 0) floor["ttft_ms"] = milliseconds(std::min(result.weight_bytes(), result.step_bytes()));
  return floor;
}

Json Stages(const v1::BenchmarkResult& result) {
  Json stages = Json::array();
  for (const auto& [metric, name] : kStages) {
    std::vector<double> values = ValuesOf(result, metric);
    if (!values.empty()) stages.push_back({{"name", name}, {"ms", Rounded(statistics::Median(std::move(values)), 6)}});
  }
  return stages;
}

// Takes the samples from the result.
Json ResultJson(v1::BenchmarkResult& result, const std::string& device, size_t points) {
  Json json = {{"model", ModelLabel(result)}, {"path", PathLabel(result)}, {"device", device}};
  if (std::string command = RepeatCommand(result); !command.empty()) json["command"] = std::move(command);
  json["floor"] = Floor(result);
  AddIterations(result, json);
  if (Json timeline = Timeline(result, points); !timeline.is_null()) json["timeline"] = std::move(timeline);
  if (Json stages = Stages(result); !stages.empty()) json["stages"] = std::move(stages);
  result.clear_samples();
  json["cell"] = MessageJson(result);
  return json;
}

Json ExplanationJson(const v1::ExplainResponse& explanation) {
  Json json = MessageJson(explanation);
  for (const char* text : {"graph_text", "blocks_text", "fused_text", "plan_text"}) json.erase(text);
  const v1::ModelInfo& model = explanation.model();
  json["model_label"] = ModelLabel(model);
  json["label"] = absl::StrCat(ModelLabel(model), ", ", model.path(), ", ", model.dtype());
  return json;
}

}  // namespace

std::string ReportDocument(ReportSources sources) {
  v1::Run& run = sources.run;
  const std::string device = DeviceName(run.server());
  Json document = NewDocument("report", sources.title.empty() ? absl::StrCat("Run ", run.run_id()) : sources.title,
                              sources.now_unix_micros, sources.live);
  document["device"] = device;
  document["answers"] = Answers(run, sources.earlier.has_value() ? &*sources.earlier : nullptr);
  document["concerns"] = Concerns(run);
  const size_t points = std::clamp(kTimelinePoints / std::max<size_t>(static_cast<size_t>(run.results_size()), 1),
                                   kFewestPoints, kMaxTimelinePoints);
  Json results = Json::array();
  for (v1::BenchmarkResult& result : *run.mutable_results()) results.push_back(ResultJson(result, device, points));
  document["results"] = std::move(results);
  Json explanations = Json::array();
  for (const v1::ExplainResponse& explanation : sources.explanations)
    explanations.push_back(ExplanationJson(explanation));
  document["explanations"] = std::move(explanations);
  run.clear_results();
  document["run"] = MessageJson(run);
  return Dump(document);
}

}  // namespace metronome::pages
