#ifndef METRONOME_RUNTIME_TEXT_JINJA_VALUES_SORTING_H_
#define METRONOME_RUNTIME_TEXT_JINJA_VALUES_SORTING_H_

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/base/status_macros.h"

namespace metronome::text::jinja {

// Sorts by a `less` that may fail, keeping the order of equals. A merge sort: unlike std::sort it stays within bounds
// whatever `less` says, and Python's order on NaN is none.
template <class T, class Less>
absl::Status StableSort(std::vector<T>& items, const Less& less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size()), end = std::min(begin + 2 * width, items.size());
      size_t left = begin, right = middle;
      for (size_t out = begin; out < end; ++out) {
        bool take_right = left == middle;
        if (left < middle && right < end) {
          ASSIGN_OR_RETURN(take_right, less(items[right], items[left]));
        }
        merged[out] = std::move(take_right ? items[right++] : items[left++]);
      }
    }
    std::swap(items, merged);
  }
  return absl::OkStatus();
}

}  // namespace metronome::text::jinja

#endif  // METRONOME_RUNTIME_TEXT_JINJA_VALUES_SORTING_H_
