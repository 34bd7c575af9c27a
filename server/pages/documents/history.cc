#include "server/pages/documents/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/labels/model_label.h"
#include "proto/labels/path_label.h"
#include "server/pages/cell_key.h"
#include "server/pages/documents/changes.h"
#include "server/pages/documents/document.h"
#include "server/pages/message_json.h"
#include "server/pages/numbers.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

constexpr int kDigits = 6;
constexpr size_t kMaxNoteBytes = 2000;  // Of a run; there may be a thousand.

double Positive(double value) { return value > 0 ? value : std::numeric_limits<double>::quiet_NaN(); }

// What else sets a series apart, in words.
std::string Other(const v1::BenchmarkSpec& spec) {
  std::vector<std::string> words;
  if (spec.prefill_mode() == "sequential") words.push_back("sequential prefill");
  if (spec.sampling().temperature() > 0) words.push_back("sampled");
  if (spec.streamed()) words.push_back("streamed");
  if (spec.seed() != 0) words.push_back(absl::StrCat("seed ", spec.seed()));
  if (spec.max_cache_len() != 0) words.push_back(absl::StrCat("cache ", spec.max_cache_len()));
  if (!spec.weights().empty() && spec.weights() != "auto") words.push_back(absl::StrCat("weights ", spec.weights()));
  return absl::StrJoin(words, ", ");
}

Json RunJson(const v1::Run& run, int not_measured) {
  Json json = {{"run_id", run.run_id()},
               {"started_unix_micros", run.started_unix_micros()},
               {"mode", run.mode()},
               {"state", run.state()},
               {"note", run.note().substr(0, kMaxNoteBytes)},
               {"branch", run.caller().git_branch()},
               {"commit", run.caller().git_commit()},
               {"host", run.server().host()},
               {"device", DeviceName(run.server())}};
  if (not_measured > 0) json["not_measured"] = not_measured;
  return json;
}

Json SeriesJson(const History::Series& series) {
  const v1::BenchmarkResult& of = series.first;
  const v1::BenchmarkSpec& spec = of.spec();
  const bool scaling = spec.scenario() == "scaling";
  Json json = {{"model", ModelLabel(of)},
               {"path", PathLabel(of)},
               {"config", spec.config()},
               {"scenario", spec.scenario().empty() ? "latency" : spec.scenario()},
               {"tokens", scaling ? "" : absl::StrCat(of.prompt_tokens(), "+", spec.decode_tokens())},
               {"dtype", spec.dtype()},
               {"budget", spec.search_iterations()},
               {"other", Other(spec)},
               {"host", series.host},
               {"device", series.device}};
  Json run = Json::array(), result = Json::array(), plan = Json::array();
  for (const History::Entry& entry : series.entries) {
    run.push_back(entry.run);
    result.push_back(entry.result);
    plan.push_back(entry.plan);
  }
  json["run"] = std::move(run);
  json["result"] = std::move(result);
  json["plan"] = std::move(plan);
  for (int metric = 0; metric < History::kMetrics; ++metric) {
    Json values = Json::array();
    for (const History::Entry& entry : series.entries) {
      const double value = entry.values[metric];
      values.push_back(std::isfinite(value) ? Json(Rounded(value, kDigits)) : Json());
    }
    json[History::kMetricNames[metric]] = std::move(values);
  }
  return json;
}

}  // namespace

int History::PlaceOf(const v1::Run& run) {
  const auto [found, is_new] = run_places_.emplace(run.run_id(), static_cast<int>(runs_.size()));
  if (is_new) {
    RunEntry& entry = runs_.emplace_back();
    entry.head.set_run_id(run.run_id());
    entry.head.set_started_unix_micros(run.started_unix_micros());
    entry.head.set_mode(run.mode());
    entry.head.set_note(run.note());
    *entry.head.mutable_caller() = run.caller();
    *entry.head.mutable_server() = run.server();
  }
  runs_[static_cast<size_t>(found->second)].head.set_state(run.state());  // As the latest part has it.
  return found->second;
}

int History::PlaceOfPlan(const std::string& hash) {
  const auto [found, is_new] = plan_places_.emplace(hash, static_cast<int>(plans_.size()));
  if (is_new) plans_.push_back(hash);
  return found->second;
}

void History::Add(const v1::Run& run) {
  const int place = PlaceOf(run);
  const std::string device = DeviceName(run.server());
  for (const v1::BenchmarkResult& result : run.results()) {
    if (result.outcome() != "ok") {
      ++runs_[static_cast<size_t>(place)].not_measured;
      continue;
    }
    Series& series =
        series_[absl::StrJoin({PathKey(result), result.spec().config(), run.server().host(), device}, "\n")];
    if (series.entries.empty()) {
      *series.first.mutable_spec() = result.spec();
      series.first.mutable_spec()->clear_prompt();
      series.first.set_provenance(result.provenance());
      series.first.set_model_layers(result.model_layers());
      series.first.set_prompt_tokens(result.prompt_tokens());
      series.host = run.server().host();
      series.device = device;
    }
    series.entries.push_back({place,
                              result.result_id(),
                              PlaceOfPlan(result.plan_hash()),
                              {Positive(result.tpot_ms().median()), Positive(result.ttft_ms().median()),
                               Positive(result.compile_ms()), Positive(result.bandwidth_fraction())}});
  }
}

std::vector<History::Series> History::SortedSeries(const std::vector<int>& rank) const {
  std::vector<Series> sorted;
  for (const auto& [key, series] : series_) {
    Series& one = sorted.emplace_back(series);
    for (Entry& entry : one.entries) entry.run = rank[static_cast<size_t>(entry.run)];
    std::sort(one.entries.begin(), one.entries.end(),
              [](const Entry& a, const Entry& b) { return a.run != b.run ? a.run < b.run : a.result > b.result; });
    const auto repeated = [](const Entry& a, const Entry& b) { return a.run == b.run; };
    one.entries.erase(std::unique(one.entries.begin(), one.entries.end(), repeated), one.entries.end());
  }
  return sorted;
}

std::string History::Document(const HistoryOptions& options) const {
  std::vector<int> order(runs_.size()), rank(runs_.size());
  std::iota(order.begin(), order.end(), 0);
  const auto head = [&](int place) -> const v1::Run& { return runs_[static_cast<size_t>(place)].head; };
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return std::make_pair(head(a).started_unix_micros(), head(a).run_id()) <
           std::make_pair(head(b).started_unix_micros(), head(b).run_id());
  });
  Json document = NewDocument("dashboard", options.title, options.now_unix_micros, options.live);
  Json runs = Json::array(), all = Json::array(), notes = Json::array();
  for (const int place : order) {
    rank[static_cast<size_t>(place)] = static_cast<int>(runs.size());
    runs.push_back(RunJson(head(place), runs_[static_cast<size_t>(place)].not_measured));
  }
  const std::vector<Series> series = SortedSeries(rank);
  for (const Series& one : series) all.push_back(SeriesJson(one));
  for (const DatedNote& note : options.notes) notes.push_back({{"unix_micros", note.unix_micros}, {"text", note.text}});
  document["runs"] = std::move(runs);
  document["series"] = std::move(all);
  document["changes"] = Changes(series);
  document["plans"] = plans_;
  document["notes"] = std::move(notes);
  return Dump(document);
}

}  // namespace metronome::pages
