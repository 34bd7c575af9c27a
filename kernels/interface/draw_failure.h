#ifndef METRONOME_KERNELS_INTERFACE_DRAW_FAILURE_H_
#define METRONOME_KERNELS_INTERFACE_DRAW_FAILURE_H_

#include <cstdint>

namespace metronome::kernels {

// Why a TokenDraw drew nothing.
enum class DrawFailure : int32_t {
  kNone = 0,
  kNan = 1,       // A logit is NaN after the penalty.
  kNoFinite = 2,  // All are -infinity.
  kInfinite = 3,  // One is +infinity, and the choice is not greedy.
  kNoRoom = 4,    // The sequence is as long as its capacity.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_DRAW_FAILURE_H_
