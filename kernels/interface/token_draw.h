#ifndef METRONOME_KERNELS_INTERFACE_TOKEN_DRAW_H_
#define METRONOME_KERNELS_INTERFACE_TOKEN_DRAW_H_

#include <cstdint>

#include "kernels/interface/draw_failure.h"
#include "kernels/interface/tensor_view.h"

namespace metronome::kernels {

// One token drawn where its logits are: the same one that the host's Sampler draws with these options, logits, history
// and state of the generator. The options' ranges are those of SamplingOptions; who fills them in has checked them.
//
// All memory is the device's. A draw that fails says why in `failure`, leaves the generator alone and takes token 0, so
// that what follows it in the stream has an id to go on with; where there is no room (kNoRoom) it writes nothing else.
// A draw that finds a failure there takes token 0, appends it where there is room and changes nothing else, so that the
// first of several is seen at their end.
struct TokenDraw {
  double repetition_penalty = 1;
  double temperature = 0;
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
  TensorView logits;            // Float, [vocab] or [1, vocab]; any alignment that its elements have. Not written.
  int32_t* sequence = nullptr;  // [capacity]: the ids so far, to which the drawn one is appended.
  int64_t capacity = 0;
  int64_t* length = nullptr;   // Ids in `sequence`; 1 is added.
  uint64_t* state = nullptr;   // Of the SplitMix64 generator; greedy choices leave it alone.
  int32_t* token = nullptr;    // The drawn id, again.
  int32_t* failure = nullptr;  // A DrawFailure.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_TOKEN_DRAW_H_
