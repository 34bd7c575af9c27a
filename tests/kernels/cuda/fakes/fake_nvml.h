#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_NVML_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_NVML_H_

#include <string>

namespace metronome::testing {

// What the functions of a fake libnvidia-ml answer. Each copy of that library has one, which `FakeNvmlState` of its
// exports returns.
struct FakeNvml {
  struct Answer {
    unsigned value = 0;
    int result = 0;  // 0: success; 3: not supported.
  };

  int init_result = 0;
  int initialised = 0;  // Less the shutdowns.
  std::string bus_id = "0000:17:00.0";
  std::string driver_version = "580.65.06";
  int driver_version_result = 0;
  Answer sm_clock, memory_clock, sm_clock_max, memory_clock_max;  // MHz.
  Answer temperature;                                             // Degrees Celsius.
  Answer power, power_limit;                                      // Milliwatts.
  Answer utilisation;                                             // Percent.
  Answer reasons;                                                 // Bits.
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_NVML_H_
