#ifndef METRONOME_KERNELS_INTERFACE_PROFILER_RANGE_H_
#define METRONOME_KERNELS_INTERFACE_PROFILER_RANGE_H_

#include "kernels/interface/backend.h"

namespace metronome::kernels {

// A named range of a profiler's timeline, as long as this lives. On the thread that drives the backend; ranges nest.
// `make_name` is called only when somebody listens.
class ProfilerRange {
 public:
  template <typename MakeName>
  ProfilerRange(Backend& backend, const MakeName& make_name) : backend_(backend.wants_ranges() ? &backend : nullptr) {
    if (backend_ != nullptr) backend_->BeginRange(make_name());
  }
  ~ProfilerRange() {
    if (backend_ != nullptr) backend_->EndRange();
  }
  ProfilerRange(const ProfilerRange&) = delete;
  ProfilerRange& operator=(const ProfilerRange&) = delete;

 private:
  Backend* const backend_;
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_PROFILER_RANGE_H_
