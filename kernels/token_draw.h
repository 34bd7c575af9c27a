#ifndef METRONOME_KERNELS_TOKEN_DRAW_H_
#define METRONOME_KERNELS_TOKEN_DRAW_H_

#include <cstdint>

#include "kernels/tensor_view.h"

namespace metronome {

// One token drawn on the device from the logits of a step, as runtime/sampling's Sampler draws it on the host: the same
// token for the same seed. Whatever is pointed to lies in device memory.
struct TokenDraw {
  // The options of SamplingOptions, in its ranges.
  double repetition_penalty = 1;
  double temperature = 0;
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
  TensorView logits;            // T or float32 [vocab] or [1, vocab].
  int32_t* sequence = nullptr;  // [capacity]: the ids so far; the drawn one is appended.
  int64_t capacity = 0;         // Of `sequence`.
  int64_t* length = nullptr;    // Ids in `sequence`; 1 is added.
  uint64_t* state = nullptr;    // Of the generator.
  int32_t* token = nullptr;     // Where the drawn id goes too.
  int32_t* failure = nullptr;   // Left as it is, or made one of DrawFailure. Once it is, later draws draw nothing.
};

// What keeps a token from being drawn.
enum DrawFailure : int32_t {
  kDrawOk = 0,
  kDrawNan = 1,       // A logit is NaN.
  kDrawNothing = 2,   // No logit is finite.
  kDrawInfinite = 3,  // A logit is infinite, and the choice is not greedy.
  kDrawNoRoom = 4,    // `sequence` is full.
};

}  // namespace metronome

#endif  // METRONOME_KERNELS_TOKEN_DRAW_H_
