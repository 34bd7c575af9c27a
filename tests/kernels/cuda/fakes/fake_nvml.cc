#include "tests/kernels/cuda/fakes/fake_nvml.h"

#include <cstdio>

// A library with NVML's names; with METRONOME_OLD_NVML, as drivers before 535 have them, and with fewer of them.
namespace {

using metronome::testing::FakeNvml;

FakeNvml state;

int Tell(const void* device, const FakeNvml::Answer& answer, unsigned* value) {
  if (device != &state) return 2;        // Invalid argument.
  if (state.initialised == 0) return 1;  // Uninitialised.
  if (answer.result == 0) *value = answer.value;
  return answer.result;
}

// `type` 1: multiprocessors, 2: memory.
int TellClock(const void* device, int type, const FakeNvml::Answer& sm, const FakeNvml::Answer& memory, unsigned* mhz) {
  return type == 1 || type == 2 ? Tell(device, type == 1 ? sm : memory, mhz) : 2;
}

int TellReasons(const void* device, unsigned long long* bits) {
  unsigned value = 0;
  const int result = Tell(device, state.reasons, &value);
  if (result == 0) *bits = value;
  return result;
}

}  // namespace

extern "C" {

FakeNvml* FakeNvmlState() { return &state; }

int nvmlInit_v2() {
  if (state.init_result == 0) ++state.initialised;
  return state.init_result;
}
int nvmlShutdown() {
  --state.initialised;
  return 0;
}
const char* nvmlErrorString(int result) {
  return result == 9 ? "Driver Not Loaded" : result == 6 ? "Not Found" : "Some Error";
}
int nvmlSystemGetDriverVersion(char* version, unsigned length) {
  if (state.driver_version_result == 0) std::snprintf(version, length, "%s", state.driver_version.c_str());
  return state.driver_version_result;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, void** device) {
  if (state.bus_id != bus_id) return 6;
  *device = &state;
  return 0;
}
int nvmlDeviceGetClockInfo(void* device, int type, unsigned* mhz) {
  return TellClock(device, type, state.sm_clock, state.memory_clock, mhz);
}
int nvmlDeviceGetMaxClockInfo(void* device, int type, unsigned* mhz) {
  return TellClock(device, type, state.sm_clock_max, state.memory_clock_max, mhz);
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* celsius) {
  return sensor == 0 ? Tell(device, state.temperature, celsius) : 2;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) { return Tell(device, state.power, milliwatts); }

#ifdef METRONOME_OLD_NVML
int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* bits) {
  return TellReasons(device, bits);
}
#else
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* milliwatts) {
  return Tell(device, state.power_limit, milliwatts);
}
int nvmlDeviceGetUtilizationRates(void* device, unsigned percents[2]) {
  return Tell(device, state.utilisation, &percents[0]);
}
int nvmlDeviceGetCurrentClocksEventReasons(void* device, unsigned long long* bits) { return TellReasons(device, bits); }
#endif

}  // extern "C"
