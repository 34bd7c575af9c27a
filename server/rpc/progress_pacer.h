#ifndef METRONOME_SERVER_RPC_PROGRESS_PACER_H_
#define METRONOME_SERVER_RPC_PROGRESS_PACER_H_

#include <string>

#include "absl/strings/string_view.h"

namespace metronome::server {

// Thins progress to what is worth a message: a new phase, its end, and steps of 1%. Not thread-safe.
class ProgressPacer {
 public:
  bool Due(absl::string_view phase, double fraction) {
    constexpr double kStep = 0.01;
    if (phase == phase_ && fraction < 1 && fraction - fraction_ < kStep) return false;
    phase_ = std::string(phase);
    fraction_ = fraction;
    return true;
  }

 private:
  std::string phase_;
  double fraction_ = 0;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_PROGRESS_PACER_H_
