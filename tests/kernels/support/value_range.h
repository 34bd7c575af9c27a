#ifndef METRONOME_TESTS_KERNELS_SUPPORT_VALUE_RANGE_H_
#define METRONOME_TESTS_KERNELS_SUPPORT_VALUE_RANGE_H_

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// What a value may be that a kernel rounds on the way, where float32 arithmetic may round to either neighbour.
struct ValueRange {
  double low, high;

  double middle() const { return (low + high) / 2; }
  double slack() const { return (high - low) / 2; }
  double magnitude() const { return std::max(std::abs(low), std::abs(high)); }
};

inline ValueRange operator*(const ValueRange& range, double factor) {
  const ValueRange product = {range.low * factor, range.high * factor};
  return factor < 0 ? ValueRange{product.high, product.low} : product;
}

// Rounded to the dtype, after float32 arithmetic that is off by up to `error`.
inline ValueRange Rounded(kernels::DType dtype, const ValueRange& range, double error) {
  return {RoundTo(dtype, range.low - error), RoundTo(dtype, range.high + error)};
}

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_SUPPORT_VALUE_RANGE_H_
