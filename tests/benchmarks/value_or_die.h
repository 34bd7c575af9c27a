#ifndef METRONOME_TESTS_BENCHMARKS_VALUE_OR_DIE_H_
#define METRONOME_TESTS_BENCHMARKS_VALUE_OR_DIE_H_

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"

namespace metronome {

// A benchmark that cannot set itself up has nothing to measure.
inline void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

}  // namespace metronome

#endif  // METRONOME_TESTS_BENCHMARKS_VALUE_OR_DIE_H_
