// A backend's shared library that makes the CPU backend.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/interface/backend_plugin.h"

extern "C" __attribute__((visibility("default"))) const metronome::kernels::BackendPlugin* MetronomeBackendPlugin() {
  static constexpr metronome::kernels::BackendPlugin kPlugin = {
      .interface = INTERFACE, .create = [] { return metronome::kernels::CreateCpuBackend({.threads = 1}); }};
  return &kPlugin;
}
