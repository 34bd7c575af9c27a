#ifndef METRONOME_COMPILER_FRONTEND_ROPE_H_
#define METRONOME_COMPILER_FRONTEND_ROPE_H_

#include <cstdint>
#include <vector>

#include "compiler/frontend/model_config.h"

namespace metronome::compiler {

// Elements of a head that `rope` makes frequencies for, as the reference rounds them.
int64_t RotatedElements(const RopeConfig& rope, int64_t head_dim);

// Angle per position of each pair of elements, [head_dim / 2], in float32 arithmetic as the reference implementation
// computes it.
std::vector<double> InverseFrequencies(const RopeConfig& rope, int64_t head_dim);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_ROPE_H_
