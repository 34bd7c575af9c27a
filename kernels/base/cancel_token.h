#ifndef METRONOME_KERNELS_BASE_CANCEL_TOKEN_H_
#define METRONOME_KERNELS_BASE_CANCEL_TOKEN_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "kernels/base/clock.h"

namespace metronome {

// What long work asks between its steps: whether to go on. Whoever asks for the work makes the token, and may do other
// things when it is asked: the engine lets others work meanwhile. So it is asked where everything may wait, and only by
// the thread that does the work. Passed by const reference; a token without a question says yes.
class CancelToken {
 public:
  CancelToken() = default;
  // `ask` says why to stop: Cancelled or DeadlineExceeded.
  explicit CancelToken(std::function<absl::Status()> ask) : ask_(std::move(ask)) {}
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  // One without a question, which any thread may ask.
  static const CancelToken& None();

  absl::Status Check() const {
    if (ask_ == nullptr) return absl::OkStatus();
    const int64_t start_ns = Clock::Real().MonotonicNs();
    absl::Status status = ask_();
    waited_ns_ += Clock::Real().MonotonicNs() - start_ns;
    return status;
  }

  // Asks on every kCalls-th call, for loops whose steps take microseconds.
  absl::Status CheckSometimes() const { return ask_ != nullptr && ++calls_ % kCalls == 0 ? Check() : absl::OkStatus(); }

  // How long asking has taken in all: what measures its own time leaves this out.
  int64_t waited_ns() const { return waited_ns_; }

 private:
  static constexpr uint32_t kCalls = 256;

  std::function<absl::Status()> ask_;
  mutable uint32_t calls_ = 0;
  mutable int64_t waited_ns_ = 0;
};

inline const CancelToken& CancelToken::None() {
  static const CancelToken none;
  return none;
}

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_CANCEL_TOKEN_H_
