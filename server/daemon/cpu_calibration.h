#ifndef METRONOME_SERVER_DAEMON_CPU_CALIBRATION_H_
#define METRONOME_SERVER_DAEMON_CPU_CALIBRATION_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "kernels/cpu/calibration/cpu_tuning.h"
#include "kernels/interface/backend.h"

namespace metronome::server {

// A CPU backend and how its kernels came to be tuned.
struct CalibratedCpu {
  std::unique_ptr<kernels::Backend> backend;
  std::string calibration;  // "measured in 1.2 s", "kept from an earlier start", "off", or why there is none.
};

using CpuCalibrator = absl::FunctionRef<absl::StatusOr<kernels::cpu::CpuTuning>(kernels::Backend& backend)>;

// A CPU backend of `threads` threads, tuned as `calibrate` finds best on this machine: at the first start, which then
// takes that long; later starts of this build on such a processor, with as many threads and the same instructions, find
// the answer in `directory`, a FileStore. What is damaged there counts as not there; "off" asks for no calibration.
// A calibration that fails leaves the kernels' own choices. Errors of CreateCpuBackend.
absl::StatusOr<CalibratedCpu> CreateCalibratedCpu(int threads, const std::string& directory, CpuCalibrator calibrate);
// The same with cpu::CalibrateCpu.
absl::StatusOr<CalibratedCpu> CreateCalibratedCpu(int threads, const std::string& directory);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_CPU_CALIBRATION_H_
