#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/device/cuda_backend.h"
#include "kernels/cuda/products/library/cublaslt.h"
#include "kernels/cuda/program/fused_kernels.h"
#include "kernels/cuda/program/nvrtc/nvrtc_compiler.h"
#include "kernels/interface/backend_plugin.h"

namespace metronome::kernels {
namespace {

constexpr int64_t kCubinBytes = int64_t{64} << 20;  // On disk; a kernel has some 10 KB.

void Log(const std::string& line) { std::cerr << "cuda: " << line << std::endl; }

// $XDG_CACHE_HOME/metronome/cubins, or that under ~/.cache.
std::optional<FileStore> OpenCubins() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  std::string directory;
  if (cache != nullptr && *cache != '\0') {
    directory = absl::StrCat(cache, "/metronome/cubins");
  } else if (home != nullptr && *home != '\0') {
    directory = absl::StrCat(home, "/.cache/metronome/cubins");
  } else {
    return std::nullopt;
  }
  absl::StatusOr<FileStore> store = FileStore::Open(directory, kCubinBytes);
  if (!store.ok()) Log(absl::StrCat("compiled kernels are not kept: ", store.status().message()));
  return store.ok() ? std::optional<FileStore>(*std::move(store)) : std::nullopt;
}

std::unique_ptr<cuda::FusedLauncher> NewFusedKernels(cuda::Driver& driver) {
  const cuda::DeviceProperties& device = driver.properties();
  absl::StatusOr<std::unique_ptr<cuda::CubinCompiler>> compiler =
      cuda::LoadNvrtc(absl::StrCat("sm_", device.compute_major, device.compute_minor));
  if (!compiler.ok()) Log(absl::StrCat("fused programs are interpreted: ", compiler.status().message()));
  cuda::FusedKernelsOptions options = {.log = Log};
  if (compiler.ok()) {
    options.compiler = *std::move(compiler);
    options.cubins = OpenCubins();
  }
  return std::make_unique<cuda::FusedKernels>(driver, std::move(options));
}

absl::StatusOr<std::unique_ptr<Backend>> Create() {
  ASSIGN_OR_RETURN(std::unique_ptr<cuda::Driver> driver, cuda::CreateCudaDriver());
  return cuda::CreateCudaBackend(std::move(driver), {.fused = NewFusedKernels},
                                 cuda::OpenCublasLt(cuda::CublasLtCandidates()));
}

}  // namespace
}  // namespace metronome::kernels

extern "C" __attribute__((visibility("default"))) const metronome::kernels::BackendPlugin* MetronomeBackendPlugin() {
  static constexpr metronome::kernels::BackendPlugin kPlugin = {.interface = METRONOME_BACKEND_INTERFACE,
                                                                .create = metronome::kernels::Create};
  return &kPlugin;
}
