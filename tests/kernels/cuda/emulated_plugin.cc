#include "kernels/backend_plugin.h"
#include "tests/kernels/cuda/emulated_backend.h"

namespace metronome {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> Create() { return testing::CreateEmulatedBackend({}); }

}  // namespace
}  // namespace metronome

extern "C" __attribute__((visibility("default"))) const metronome::BackendPlugin* MetronomeBackendPlugin() {
  static constexpr metronome::BackendPlugin kPlugin = {.interface = METRONOME_BACKEND_INTERFACE,
                                                       .create = metronome::Create};
  return &kPlugin;
}
