#ifndef METRONOME_COMPILER_SEARCH_RECORDED_RUN_H_
#define METRONOME_COMPILER_SEARCH_RECORDED_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"

namespace metronome::compiler {

// Launches recorded once between two marks: replayed, they take the time that they take in a model that is served from
// a recording, without what launching costs the host. The backend, and what the launches read and write, must outlive
// it.
class RecordedRun {
 public:
  // nullptr where the backend refuses; an error where the device failed. `launch` enqueues, for a step at position
  // `past`, and did so before.
  static absl::StatusOr<std::unique_ptr<RecordedRun>> Record(kernels::Backend& backend, int64_t past,
                                                             const std::function<absl::Status()>& launch);

  // Replays, waits, and gives the device's time from the first launch to the last.
  absl::StatusOr<double> TimeNs();

 private:
  RecordedRun(kernels::Backend& backend, int64_t past) : backend_(backend), past_(past) {}

  kernels::Backend& backend_;
  int64_t past_;
  std::unique_ptr<kernels::TimeMark> start_, end_;
  std::unique_ptr<kernels::Recording> recording_;  // Records the marks, so it goes first.
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_SEARCH_RECORDED_RUN_H_
