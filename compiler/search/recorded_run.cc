#include "compiler/search/recorded_run.h"

#include "kernels/base/status_macros.h"

namespace metronome::compiler {

absl::StatusOr<std::unique_ptr<RecordedRun>> RecordedRun::Record(kernels::Backend& backend, int64_t past,
                                                                 const std::function<absl::Status()>& launch) {
  auto run = std::unique_ptr<RecordedRun>(new RecordedRun(backend, past));
  ASSIGN_OR_RETURN(run->start_, backend.CreateMark());
  ASSIGN_OR_RETURN(run->end_, backend.CreateMark());
  absl::Status status = backend.BeginRecording(past);
  if (status.ok()) {
    const auto record = [&]() -> absl::Status {
      RETURN_IF_ERROR(backend.SetMark(*run->start_));
      RETURN_IF_ERROR(launch());
      return backend.SetMark(*run->end_);
    };
    status = record();
    absl::StatusOr<std::unique_ptr<kernels::Recording>> recording = backend.EndRecording();
    if (status.ok()) status = recording.status();
    if (status.ok()) {
      run->recording_ = *std::move(recording);
      return run;
    }
  }
  // Whatever it was, launching without a recording says whether the launches are to blame.
  RETURN_IF_ERROR(backend.Health());
  return nullptr;
}

absl::StatusOr<double> RecordedRun::TimeNs() {
  RETURN_IF_ERROR(backend_.Replay(*recording_, past_));
  RETURN_IF_ERROR(backend_.Synchronize());
  ASSIGN_OR_RETURN(const double seconds, backend_.SecondsBetween(*start_, *end_));
  return seconds * 1e9;
}

}  // namespace metronome::compiler
