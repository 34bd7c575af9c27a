#ifndef METRONOME_TESTS_BENCHMARKS_CALIBRATED_BACKEND_H_
#define METRONOME_TESTS_BENCHMARKS_CALIBRATED_BACKEND_H_

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "kernels/cpu/calibration/calibrate.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/benchmarks/value_or_die.h"

namespace metronome {

// A CPU backend as a daemon would tune it on this machine. METRONOME_BENCHMARK_CALIBRATE=off leaves the kernels' own
// choices; a text of CpuTuning, its lines ended by ';', is taken as it stands.
inline std::unique_ptr<kernels::Backend> CalibratedCpuBackend() {
  const char* const wish = std::getenv("METRONOME_BENCHMARK_CALIBRATE");
  if (wish != nullptr && absl::string_view(wish) == "off") return ValueOrDie(kernels::CreateCpuBackend({}));
  kernels::CpuBackendOptions options;
  if (wish != nullptr) {
    std::string text = wish;
    for (char& c : text) c = c == ';' ? '\n' : c;
    options.tuning = ValueOrDie(kernels::cpu::CpuTuning::Parse(text));
  } else {
    options.tuning = ValueOrDie(kernels::cpu::CalibrateCpu(*ValueOrDie(kernels::CreateCpuBackend({}))));
  }
  std::fprintf(stderr, "tuned:\n%s", options.tuning.ToString().c_str());
  return ValueOrDie(kernels::CreateCpuBackend(options));
}

}  // namespace metronome

#endif  // METRONOME_TESTS_BENCHMARKS_CALIBRATED_BACKEND_H_
