#include "client/render/scaling.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/render/bandwidth_share.h"
#include "client/render/format.h"
#include "client/render/table.h"
#include "proto/labels/model_label.h"
#include "proto/labels/path_label.h"

namespace metronome::client {
namespace {

using Results = std::vector<const v1::BenchmarkResult*>;  // Of one model, by path.

std::string TitleOf(const v1::BenchmarkResult& result) {
  return absl::StrCat(ModelLabel(result), ", ", result.spec().dtype(), ", weights ", result.weights_provenance());
}

const v1::PositionResult* Find(const v1::BenchmarkResult& result, int64_t position) {
  for (const v1::PositionResult& at : result.positions()) {
    if (at.position() == position) return &at;
  }
  return nullptr;
}

// Of a plain read of what the step must read; "-" where one of the two is not known.
std::string BandwidthShare(const v1::BenchmarkResult& result, const v1::PositionResult& at) {
  if (result.bandwidth_bytes_per_second() <= 0 || at.step_bytes() == 0) return "-";
  return FormatBandwidthShare(result, static_cast<double>(at.step_bytes()) / (at.step_ms().median() * 1e-3) /
                                          result.bandwidth_bytes_per_second());
}

std::string StepTimes(const Results& results) {
  std::vector<std::pair<std::string, Align>> headings = {{"position", Align::kRight}, {"must read", Align::kRight}};
  for (const v1::BenchmarkResult* result : results) {
    headings.emplace_back(absl::StrCat(PathLabel(*result), " step"), Align::kRight);
    if (result != results[0]) headings.emplace_back(absl::StrCat("x ", PathLabel(*results[0])), Align::kRight);
    headings.emplace_back("% bandwidth", Align::kRight);
  }
  Table table(std::move(headings));
  std::set<int64_t> positions;
  for (const v1::BenchmarkResult* result : results) {
    for (const v1::PositionResult& at : result->positions()) positions.insert(at.position());
  }
  for (const int64_t position : positions) {
    std::vector<std::string> cells = {absl::StrCat(position), ""};
    const v1::PositionResult* const first = Find(*results[0], position);
    for (const v1::BenchmarkResult* result : results) {
      const v1::PositionResult* const at = Find(*result, position);
      if (at == nullptr) {
        cells.insert(cells.end(), result == results[0] ? 2 : 3, "-");
        continue;
      }
      cells[1] = FormatBytes(at->step_bytes());
      cells.push_back(
          absl::StrCat(FormatMilliseconds(at->step_ms().median()), " ±", FormatMilliseconds(at->step_ms().stddev())));
      if (result != results[0]) {
        cells.push_back(first == nullptr ? "-"
                                         : absl::StrFormat("%.2f", at->step_ms().median() / first->step_ms().median()));
      }
      cells.push_back(BandwidthShare(*result, *at));
    }
    table.AddRow(std::move(cells));
  }
  return table.ToText();
}

std::string CostOfDepth(const v1::BenchmarkResult& result) {
  const v1::PositionResult &first = result.positions(0), &last = result.positions(result.positions_size() - 1);
  const double added_ms = last.step_ms().median() - first.step_ms().median();
  const int64_t added_bytes = last.step_bytes() - first.step_bytes();
  std::string text =
      absl::StrCat(PathLabel(result), ": position ", last.position(), " costs ", FormatMilliseconds(added_ms),
                   " more than position ", first.position(), ", for ", FormatBytes(added_bytes), " more of cache");
  if (result.bandwidth_bytes_per_second() > 0 && added_bytes > 0) {
    const double read_ms = static_cast<double>(added_bytes) / result.bandwidth_bytes_per_second() * 1e3;
    absl::StrAppend(&text, absl::StrFormat(": %.2fx a plain read of that", added_ms / read_ms));
  }
  return absl::StrCat(text, "; cache ", FormatBytes(result.kv_bytes()), ", peak memory ",
                      FormatBytes(result.peak_memory_bytes()), ".\n");
}

}  // namespace

std::string RenderScaling(const v1::Run& run) {
  std::vector<std::pair<std::string, Results>> models;
  for (const v1::BenchmarkResult& result : run.results()) {
    if (result.outcome() != "ok" || result.positions().empty()) continue;
    const std::string title = TitleOf(result);
    auto at = std::find_if(models.begin(), models.end(), [&](const auto& model) { return model.first == title; });
    if (at == models.end()) at = models.insert(models.end(), {title, {}});
    at->second.push_back(&result);
  }
  std::string text;
  for (const auto& [title, results] : models) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", title, "\n", StepTimes(results));
    for (const v1::BenchmarkResult* result : results) text += CostOfDepth(*result);
  }
  return text;
}

}  // namespace metronome::client
