#ifndef METRONOME_SERVER_METRICS_DEVICE_GAUGES_H_
#define METRONOME_SERVER_METRICS_DEVICE_GAUGES_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kernels/interface/backend.h"

namespace metronome::server {

// Clocks, temperature, power and throttle reasons of a device, as the gauges metronome_gpu_*. It is asked when they are
// collected; what it does not tell is absent. Thread-safe.
class DeviceGauges final : public prometheus::Collectable {
 public:
  // Asked from now on; nullptr: none. Returns when the one before is no longer used.
  void SetDevice(const kernels::Backend* backend);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  mutable absl::Mutex mutex_;
  const kernels::Backend* backend_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_METRICS_DEVICE_GAUGES_H_
