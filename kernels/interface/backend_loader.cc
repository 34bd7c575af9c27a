#include "kernels/interface/backend_loader.h"

#include <dlfcn.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/interface/backend_plugin.h"

namespace metronome::kernels {
namespace {

std::string DlError() {
  const char* const error = dlerror();
  return error == nullptr ? "no reason given" : error;
}

}  // namespace

std::vector<std::string> LibraryCandidates(const std::string& library) {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  return {(directory / library).string(), (directory.parent_path() / "lib" / library).string()};
}

absl::StatusOr<std::unique_ptr<Backend>> LoadBackend(absl::Span<const std::string> libraries) {
  std::string library;
  for (const std::string& candidate : libraries) {
    std::error_code error;
    if (library.empty() && std::filesystem::exists(candidate, error)) library = candidate;
  }
  if (library.empty())
    return absl::FailedPreconditionError(absl::StrCat("there is no ", absl::StrJoin(libraries, ", nor ")));
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return absl::FailedPreconditionError(absl::StrCat("cannot load ", library, ": ", DlError()));
  const auto entry = reinterpret_cast<BackendPluginFunction>(dlsym(handle, kBackendPluginSymbol));
  if (entry == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(library, " is no backend: it has no ", kBackendPluginSymbol));
  const BackendPlugin* const plugin = entry();
  if (absl::string_view(plugin->interface) != METRONOME_BACKEND_INTERFACE) {
    return absl::FailedPreconditionError(absl::StrCat(library, " is of another build: its interface is '",
                                                      plugin->interface, "', not '", METRONOME_BACKEND_INTERFACE, "'"));
  }
  return plugin->create();
}

}  // namespace metronome::kernels
