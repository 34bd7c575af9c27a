#ifndef METRONOME_KERNELS_INTERFACE_BACKEND_PLUGIN_H_
#define METRONOME_KERNELS_INTERFACE_BACKEND_PLUGIN_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels {

// What a backend's shared library exports, under the name below. Program and library share C++ types, so the interface
// is compared before anything else is used: METRONOME_BACKEND_INTERFACE, which the build computes from the headers of
// both and the compiler.
struct BackendPlugin {
  const char* interface = nullptr;
  // FailedPrecondition naming what the machine lacks.
  absl::StatusOr<std::unique_ptr<Backend>> (*create)() = nullptr;
};

using BackendPluginFunction = const BackendPlugin* (*)();
inline constexpr char kBackendPluginSymbol[] = "MetronomeBackendPlugin";

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_BACKEND_PLUGIN_H_
