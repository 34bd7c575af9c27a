#ifndef METRONOME_KERNELS_PROGRAM_FUSED_LIMITS_H_
#define METRONOME_KERNELS_PROGRAM_FUSED_LIMITS_H_

#include <cstdint>

namespace metronome::kernels {

// Limits of a program: what the parameters of a launch and the registers of a thread hold. This file includes no
// library, for compilers of devices.
inline constexpr int kMaxFusedInputs = 8;
inline constexpr int kMaxFusedOutputs = 4;
inline constexpr int kMaxFusedConstants = 8;
inline constexpr int kMaxFusedSteps = 32;
inline constexpr int kMaxFusedReductions = 2;
inline constexpr int kMaxFusedAxes = 6;
inline constexpr int kMaxFusedValues = kMaxFusedInputs + kMaxFusedConstants + kMaxFusedSteps;

// How inputs are read: the domain as rows of columns, with no axis of size 1 but maybe the last, and none that all
// inputs walk as one with the next. Where a program reduces, the last axis is the domain's.
struct FusedWalk {
  int64_t rows = 1;     // Elements of all axes but the last.
  int64_t columns = 1;  // Of the last.
  int rank = 1;
  int64_t sizes[kMaxFusedAxes] = {};
  int64_t strides[kMaxFusedInputs][kMaxFusedAxes] = {};  // In elements; 0 along broadcast axes; the last is 0 or 1.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_PROGRAM_FUSED_LIMITS_H_
