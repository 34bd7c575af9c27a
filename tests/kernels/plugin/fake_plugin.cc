// A backend's shared library that makes the CPU backend.
#include "kernels/backend_plugin.h"
#include "kernels/cpu/cpu_backend.h"

extern "C" __attribute__((visibility("default"))) const metronome::BackendPlugin* MetronomeBackendPlugin() {
  static constexpr metronome::BackendPlugin kPlugin = {
      .interface = INTERFACE, .create = [] { return metronome::CreateCpuBackend({.threads = 1}); }};
  return &kPlugin;
}
