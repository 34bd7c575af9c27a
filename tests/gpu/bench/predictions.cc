#include "tests/gpu/bench/predictions.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/gpu/bench/bench_row.h"

namespace metronome::testing {
namespace {

using kernels::cuda::bench::kPredicted;
using kernels::cuda::bench::PredictedSeconds;
using kernels::cuda::bench::Rates;
using kernels::cuda::bench::Row;

const Row kRows[] = {
#include "tests/gpu/bench/kernel_shapes.inc"
};
constexpr int64_t kPromptTokens = 1024;

// Sums over all launches of a model's step.
double StepSeconds(const std::string& model, int64_t tokens, const Rates& rates) {
  double seconds = 0;
  for (const Row& row : kRows) {
    if (model == row.model && tokens == row.tokens) seconds += row.launches * PredictedSeconds(row, rates);
  }
  return seconds;
}

std::string StepTable() {
  std::string table =
      "| model | launches of a decode step | GB | H100 decode | H200 decode | H100 prompt | H200 prompt |\n"
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  std::vector<std::string> models;
  for (const Row& row : kRows) {
    if (models.empty() || models.back() != row.model) models.emplace_back(row.model);
  }
  for (const std::string& model : models) {
    int launches = 0;
    double bytes = 0;
    for (const Row& row : kRows) {
      if (model != row.model || row.tokens != 1) continue;
      launches += row.launches;
      bytes += static_cast<double>(row.bytes) * row.launches;
    }
    absl::StrAppendFormat(&table, "| %s | %d | %.2f |", model, launches, bytes * 1e-9);
    for (const int64_t tokens : {int64_t{1}, kPromptTokens}) {
      for (const Rates& rates : kPredicted)
        absl::StrAppendFormat(&table, " %.2f ms |", StepSeconds(model, tokens, rates) * 1e3);
    }
    table += "\n";
  }
  return table;
}

std::string KernelTable() {
  std::string table =
      "| model | kernel | operands | launches | MB | H100 | H200 |\n| --- | --- | --- | ---: | ---: | ---: | ---: |\n";
  for (const Row& row : kRows) {
    if (row.tokens != 1) continue;
    constexpr double kWorthARow = 0.02;
    if (row.launches * PredictedSeconds(row, kPredicted[1]) < kWorthARow * StepSeconds(row.model, 1, kPredicted[1]))
      continue;
    const std::string inputs = row.inputs;
    absl::StrAppendFormat(&table, "| %s | %s | %s | %d | %.1f |", row.model, row.kernel,
                          inputs.substr(0, inputs.find(' ', inputs.find(' ') + 1)), row.launches,
                          static_cast<double>(row.bytes) * 1e-6);
    for (const Rates& rates : kPredicted)
      absl::StrAppendFormat(&table, " %.1f us |", PredictedSeconds(row, rates) * 1e6);
    table += "\n";
  }
  return table;
}

}  // namespace

std::string PredictionTables() { return absl::StrCat(StepTable(), "\n", KernelTable()); }

}  // namespace metronome::testing
