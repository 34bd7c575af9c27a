#include "kernels/interface/backend_plugin.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"

namespace metronome::kernels {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> Create() { return testing::CreateEmulatedBackend({}); }

}  // namespace
}  // namespace metronome::kernels

extern "C" __attribute__((visibility("default"))) const metronome::kernels::BackendPlugin* MetronomeBackendPlugin() {
  static constexpr metronome::kernels::BackendPlugin kPlugin = {.interface = METRONOME_BACKEND_INTERFACE,
                                                                .create = metronome::kernels::Create};
  return &kPlugin;
}
