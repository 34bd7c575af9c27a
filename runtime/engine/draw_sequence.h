#ifndef METRONOME_RUNTIME_ENGINE_DRAW_SEQUENCE_H_
#define METRONOME_RUNTIME_ENGINE_DRAW_SEQUENCE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/interface/backend.h"
#include "runtime/sampling/sampler.h"

namespace metronome::runtime {

// A token drawn on the device. Times are device time since the sequence of draws began.
struct DrawnToken {
  int32_t id = 0;
  double logits_seconds = 0;  // When its logits were there.
  double seconds = 0;         // When it was drawn.
};

// Tokens drawn one after the other on a backend that can (Backend::can_draw), known to the host only at the end. Keeps
// its memory between sequences. Not thread-safe; the backend must outlive it.
class DrawSequence {
 public:
  static constexpr int64_t kMostDraws = 1024;  // Of a sequence.

  explicit DrawSequence(kernels::Backend& backend) : backend_(backend) {}

  // Readies `draws` of them, in [1, kMostDraws], after `history` as Sampler::Next has it. `state` is that of the
  // sampler's generator. ResourceExhausted.
  absl::Status Begin(const SamplingOptions& options, uint64_t state, absl::Span<const int32_t> history, int64_t draws);

  // Enqueues the next draw, from logits [vocab] or [1, vocab] on the device; the token also goes to `token` there.
  // Waits while the device is far behind, so that who asks between draws whether to go on is heard soon.
  absl::Status Draw(const kernels::TensorView& logits, int32_t* token);

  // Waits, and gives the tokens drawn since Begin. Internal as Sampler::Next where logits allow no choice.
  absl::StatusOr<std::vector<DrawnToken>> Finish();

 private:
  // What the draws of a sequence share, on the device.
  struct Control {
    int64_t length = 0;
    uint64_t state = 0;
    int32_t failure = 0;  // A DrawFailure.
    int32_t unused = 0;
  };

  absl::Status EnsureMarks(size_t count);

  kernels::Backend& backend_;
  SamplingOptions options_;
  int64_t before_ = 0;  // Ids in the sequence when it began.
  int64_t draws_ = 0, drawn_ = 0;
  std::unique_ptr<kernels::Buffer> control_;               // One Control.
  std::unique_ptr<kernels::Buffer> sequence_;              // int32 [capacity].
  std::vector<std::unique_ptr<kernels::TimeMark>> marks_;  // The beginning; then before and after each draw.
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_DRAW_SEQUENCE_H_
