#include "kernels/cpu/calibration/choose_candidate.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/base/status_macros.h"

namespace metronome::kernels::cpu {
namespace {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

absl::StatusOr<size_t> ChooseCandidate(size_t count, absl::FunctionRef<absl::StatusOr<double>(size_t candidate)> time,
                                       const ChoiceOptions& options) {
  if (count <= 1) return size_t{0};
  std::vector<double> best(count, std::numeric_limits<double>::infinity());
  for (int heat = 0; heat < options.heats; ++heat) {
    for (size_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(const double taken, time(i));
      best[i] = std::min(best[i], taken);
    }
  }
  std::vector<size_t> finalists(count - 1);
  std::iota(finalists.begin(), finalists.end(), size_t{1});
  std::stable_sort(finalists.begin(), finalists.end(), [&](size_t a, size_t b) { return best[a] < best[b]; });
  finalists.resize(std::min(finalists.size(), options.finalists));

  // Ratios within a round: what slows the machine for a while slows both.
  std::vector<std::vector<double>> ratios(finalists.size());
  for (int round = 0; round < options.rounds; ++round) {
    ASSIGN_OR_RETURN(const double standard, time(0));
    for (size_t i = 0; i < finalists.size(); ++i) {
      ASSIGN_OR_RETURN(const double taken, time(finalists[i]));
      ratios[i].push_back(taken / standard);
    }
  }
  size_t chosen = 0;
  double least = 1 - options.least_gain;
  for (size_t i = 0; i < finalists.size(); ++i) {
    if (const double ratio = Median(ratios[i]); ratio < least) {
      least = ratio;
      chosen = finalists[i];
    }
  }
  return chosen;
}

}  // namespace metronome::kernels::cpu
