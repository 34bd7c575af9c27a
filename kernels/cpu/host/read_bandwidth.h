#ifndef METRONOME_KERNELS_CPU_HOST_READ_BANDWIDTH_H_
#define METRONOME_KERNELS_CPU_HOST_READ_BANDWIDTH_H_

#include "absl/status/statusor.h"
#include "kernels/base/thread_pool.h"

namespace metronome::kernels::cpu {

// Bytes per second of the median of several passes over 512 MiB, summed by all members. ResourceExhausted.
absl::StatusOr<double> MeasureReadBandwidth(ThreadPool& pool);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_HOST_READ_BANDWIDTH_H_
