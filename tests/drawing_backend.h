#ifndef METRONOME_TESTS_DRAWING_BACKEND_H_
#define METRONOME_TESTS_DRAWING_BACKEND_H_

#include <cmath>
#include <memory>
#include <utility>

#include "kernels/base/status_macros.h"
#include "kernels/interface/convert.h"
#include "runtime/sampling/sampler.h"
#include "tests/forwarding_backend.h"

namespace metronome {

// A host-addressable backend that draws tokens, by the sampler itself: for tests of those who ask for draws.
class DrawingBackend : public ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;

  int draws = 0;
  int failing_draw = -1;  // The draw, counted from 0, that meets a NaN.

  bool can_draw() const override { return true; }
  absl::Status Draw(const kernels::TokenDraw& draw) override {
    const int number = draws++;
    if (*draw.failure != 0) return absl::OkStatus();
    if (number == failing_draw) {
      *draw.failure = static_cast<int32_t>(kernels::DrawFailure::kNan);
      return absl::OkStatus();
    }
    if (*draw.length >= draw.capacity) return absl::InternalError("the sequence is full");
    std::vector<float> logits(static_cast<size_t>(draw.logits.elements()));
    kernels::ConvertToFloat32(draw.logits.data, draw.logits.dtype, logits.data(), draw.logits.elements());
    ASSIGN_OR_RETURN(runtime::Sampler sampler, runtime::Sampler::Create({.repetition_penalty = draw.repetition_penalty,
                                                                         .temperature = draw.temperature,
                                                                         .top_k = draw.top_k,
                                                                         .top_p = draw.top_p,
                                                                         .min_p = draw.min_p,
                                                                         .seed = *draw.state}));
    ASSIGN_OR_RETURN(const int32_t token, sampler.Next(logits, absl::MakeConstSpan(draw.sequence, *draw.length)));
    *draw.state = sampler.state();
    draw.sequence[(*draw.length)++] = *draw.token = token;
    return absl::OkStatus();
  }
};

}  // namespace metronome

#endif  // METRONOME_TESTS_DRAWING_BACKEND_H_
