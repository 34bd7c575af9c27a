#include "kernels/cuda/device/library_search.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace metronome::kernels::cuda {
namespace {

namespace fs = std::filesystem;

// Where container runtimes mount the driver's libraries, without telling the loader.
constexpr const char* kMountedDrivers[] = {"/usr/local/nvidia/lib64/", "/usr/local/nvidia/lib/"};

// Folders in `folder`, by name; none where it cannot be read.
std::vector<fs::path> FoldersIn(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory(error)) folders.push_back(entry->path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// The values of those environment variables that are set.
std::vector<std::string> Named(std::initializer_list<const char*> variables) {
  std::vector<std::string> values;
  for (const char* const variable : variables) {
    if (const char* const value = std::getenv(variable); value != nullptr && *value != '\0') values.push_back(value);
  }
  return values;
}

// The folders of $PATH that have a python3, without their "bin": what is installed for the first is what users run.
std::vector<std::string> RootsOfPython() {
  std::vector<std::string> roots;
  for (const std::string& path : Named({"PATH"})) {
    for (const absl::string_view folder : absl::StrSplit(path, ':', absl::SkipEmpty())) {
      const fs::path program = fs::path(std::string(folder)) / "python3";
      std::error_code error;
      if (fs::exists(program, error)) roots.push_back(program.parent_path().parent_path().string());
    }
  }
  return roots;
}

}  // namespace

std::vector<std::string> CudaLibraryCandidates(absl::string_view file, absl::Span<const std::string> toolkits,
                                               absl::Span<const std::string> python_roots) {
  std::vector<std::string> candidates = {std::string(file)};
  for (const std::string& toolkit : toolkits) candidates.push_back(absl::StrCat(toolkit, "/lib64/", file));
  for (const char* const folder : kMountedDrivers) candidates.push_back(absl::StrCat(folder, file));
  for (const std::string& root : python_roots) {
    for (const fs::path& python : FoldersIn(fs::path(root) / "lib")) {
      if (!absl::StartsWith(python.filename().string(), "python3")) continue;
      for (const char* const packages : {"site-packages", "dist-packages"}) {
        for (const fs::path& package : FoldersIn(python / packages / "nvidia")) {
          const fs::path library = package / "lib" / std::string(file);
          std::error_code error;
          if (fs::exists(library, error)) candidates.push_back(library.string());
        }
      }
    }
  }
  return candidates;
}

std::vector<std::string> CudaLibraryCandidates(absl::string_view file) {
  return CudaLibraryCandidates(file, ToolkitRoots(), PythonRoots());
}

std::vector<std::string> DriverLibraryCandidates(absl::string_view file) {
  std::vector<std::string> candidates = {std::string(file)};
  for (const char* const folder : kMountedDrivers) candidates.push_back(absl::StrCat(folder, file));
  return candidates;
}

std::vector<std::string> ToolkitRoots() {
  std::vector<std::string> roots = Named({"CUDA_HOME", "CUDA_PATH"});
  roots.push_back("/usr/local/cuda");
  return roots;
}

std::vector<std::string> PythonRoots() {
  std::vector<std::string> roots = Named({"VIRTUAL_ENV", "CONDA_PREFIX"});
  for (std::string& root : RootsOfPython()) roots.push_back(std::move(root));
  for (const std::string& home : Named({"HOME"})) roots.push_back(absl::StrCat(home, "/.local"));
  for (const char* const usual : {"/usr/local", "/usr", "/opt/conda"}) {
    if (std::find(roots.begin(), roots.end(), usual) == roots.end()) roots.push_back(usual);
  }
  return roots;
}

absl::StatusOr<void*> LoadFirst(absl::Span<const std::string> candidates) {
  std::string reason;
  for (const std::string& candidate : candidates) {
    if (void* const library = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL); library != nullptr) return library;
    const char* const error = dlerror();
    if (reason.empty()) reason = error == nullptr ? absl::StrCat("cannot load ", candidate) : error;
  }
  return absl::NotFoundError(reason);
}

}  // namespace metronome::kernels::cuda
