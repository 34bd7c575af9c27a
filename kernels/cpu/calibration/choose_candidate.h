#ifndef METRONOME_KERNELS_CPU_CALIBRATION_CHOOSE_CANDIDATE_H_
#define METRONOME_KERNELS_CPU_CALIBRATION_CHOOSE_CANDIDATE_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace metronome::kernels::cpu {

struct ChoiceOptions {
  int heats = 2;             // Times that every candidate runs at first; >= 1.
  size_t finalists = 3;      // That run on, by their best time; a machine only ever adds to a time.
  int rounds = 7;            // Of the finalists and candidate 0, in turns; >= 1.
  double least_gain = 0.03;  // By which a candidate must beat candidate 0 at the median of the rounds.
};

// Which of `count` >= 1 candidates is fastest, candidate 0 unless another is clearly so. `time` runs one and answers
// how long it took. Errors of `time`.
absl::StatusOr<size_t> ChooseCandidate(size_t count, absl::FunctionRef<absl::StatusOr<double>(size_t candidate)> time,
                                       const ChoiceOptions& options = {});

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_CALIBRATION_CHOOSE_CANDIDATE_H_
