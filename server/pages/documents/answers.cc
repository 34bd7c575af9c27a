#include "server/pages/documents/answers.h"

#include <algorithm>
#include <map>
#include <string>

#include "server/pages/cell_key.h"
#include "server/pages/documents/verdict.h"
#include "server/pages/numbers.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

constexpr size_t kOthers = 2;  // Paths that the fastest is compared with at most.

// What a result is judged by: its tokens, or its first one where there are no more.
const char* MetricOf(const v1::BenchmarkResult& result) {
  return result.tpot_ms().median() > 0 ? "tpot_ms" : "ttft_ms";
}

double MedianOf(const v1::BenchmarkResult& result) {
  return result.tpot_ms().median() > 0 ? result.tpot_ms().median() : result.ttft_ms().median();
}

bool Counts(const v1::BenchmarkResult& result) {
  return result.outcome() == "ok" && result.provenance() != "external" && MedianOf(result) > 0;
}

Json Comparison(const v1::BenchmarkResult& result, const v1::BenchmarkResult& other) {
  const char* metric = MetricOf(result);
  const std::vector<double> times = ValuesOf(result, metric), others = ValuesOf(other, metric);
  if (times.empty() || others.empty()) return Json();
  const Verdict verdict = Compare(times, others);
  Json json = {
      {"metric", metric}, {"ratio", Rounded(verdict.ratio, 6)}, {"verdict", verdict.name}, {"reason", verdict.reason}};
  if (verdict.interval.has_value()) {
    json["low"] = Rounded(verdict.interval->low, 6);
    json["high"] = Rounded(verdict.interval->high, 6);
  }
  return json;
}

void AddPaths(const v1::Run& run, const std::vector<int>& places, Json& comparisons) {
  for (size_t i = 1; i < places.size() && i <= kOthers; ++i) {
    // The slowest stands for the rest: it is the baseline more often than not.
    const int place = i == kOthers ? places.back() : places[i];
    Json json = Comparison(run.results(places[0]), run.results(place));
    if (json.is_null()) continue;
    json["against"] = place;
    comparisons.push_back(std::move(json));
  }
}

void AddEarlier(const v1::BenchmarkResult& result, const v1::Run& earlier, Json& comparisons) {
  const std::string key = PathKey(result);
  for (const v1::BenchmarkResult& other : earlier.results()) {
    if (!Counts(other) || PathKey(other) != key) continue;
    Json json = Comparison(result, other);
    if (json.is_null()) return;
    json["run_id"] = earlier.run_id();
    comparisons.push_back(std::move(json));
    return;
  }
}

}  // namespace

std::vector<double> ValuesOf(const v1::BenchmarkResult& result, const char* metric) {
  std::vector<double> values;
  for (const v1::Sample& sample : result.samples()) {
    if (sample.metric() == metric) values.push_back(sample.value());
  }
  return values;
}

nlohmann::json Answers(const v1::Run& run, const v1::Run* earlier) {
  std::vector<std::string> order;  // Of the keys, as they first appear.
  std::map<std::string, std::vector<int>> cells;
  for (int i = 0; i < run.results_size(); ++i) {
    if (!Counts(run.results(i))) continue;
    std::vector<int>& places = cells[CellKey(run.results(i))];
    if (places.empty()) order.push_back(CellKey(run.results(i)));
    places.push_back(i);
  }
  Json answers = Json::array();
  for (const std::string& key : order) {
    std::vector<int>& places = cells[key];
    std::stable_sort(places.begin(), places.end(),
                     [&](int a, int b) { return MedianOf(run.results(a)) < MedianOf(run.results(b)); });
    Json comparisons = Json::array();
    AddPaths(run, places, comparisons);
    if (earlier != nullptr) AddEarlier(run.results(places[0]), *earlier, comparisons);
    answers.push_back({{"result", places[0]}, {"comparisons", std::move(comparisons)}});
  }
  return answers;
}

}  // namespace metronome::pages
