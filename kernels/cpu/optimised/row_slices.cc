#include "kernels/cpu/optimised/row_slices.h"

#include <algorithm>

namespace metronome::kernels::cpu {
namespace {

// Whole tiles of rows.
constexpr int64_t kTile = 8;

}  // namespace

// Polychronopoulos & Kuck 1987, "Guided self-scheduling".
std::vector<RowSlice> SliceRows(absl::Span<const RowsToSlice> matrices, int members) {
  int64_t left = 0;
  for (const RowsToSlice& matrix : matrices) left += matrix.rows;
  std::vector<RowSlice> slices;
  for (size_t i = 0; i < matrices.size(); ++i) {
    const RowsToSlice& matrix = matrices[i];
    for (int64_t at = 0; at < matrix.rows;) {
      const int64_t guided = left / (2 * members) / kTile * kTile;
      const int64_t count = std::min(std::clamp(guided, matrix.least, matrix.most), matrix.rows - at);
      slices.push_back({.matrix = static_cast<int64_t>(i), .begin = at, .count = count});
      at += count;
      left -= count;
    }
  }
  return slices;
}

}  // namespace metronome::kernels::cpu
