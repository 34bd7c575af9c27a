#include "runtime/statistics/comparison/ranks.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace metronome::statistics {

Ranks RankValues(absl::Span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  Ranks result = {.ranks = std::vector<double>(values.size())};
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) result.ranks[order[i]] = static_cast<double>(begin + 1 + end) / 2;
    const auto tied = static_cast<double>(end - begin);
    result.tie_term += tied * tied * tied - tied;
  }
  return result;
}

}  // namespace metronome::statistics
