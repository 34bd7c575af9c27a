#ifndef METRONOME_RUNTIME_WEIGHTS_SYNTHETIC_H_
#define METRONOME_RUNTIME_WEIGHTS_SYNTHETIC_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "kernels/interface/dtype.h"
#include "kernels/interface/tensor_view.h"
#include "runtime/plan/plan.h"

namespace metronome::runtime {

// How the values of a synthetic tensor are spread: uniform in [mean - half_width, mean + half_width].
struct SyntheticRange {
  float mean = 0;
  float half_width = 1;
};

// Keeps activations finite through any number of layers: matrices get variance 1 / in, norms stay near the identity.
SyntheticRange SyntheticRangeFor(WeightInit init, const kernels::Shape& shape);

// The starting state of a tensor's values.
uint64_t SyntheticKey(uint64_t seed, absl::string_view name);

// Writes elements [begin, end) of a tensor to `to`, which points at element `begin`. Counter-based, so any split over
// threads gives the same values: element i comes from 16 bits of a SplitMix64 hash of key and i / 4.
void FillSynthetic(uint64_t key, const SyntheticRange& range, kernels::DType dtype, int64_t begin, int64_t end,
                   void* to);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_SYNTHETIC_H_
