#include "kernels/cuda/library_search.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace metronome::cuda {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

std::vector<std::string> CudaLibraryCandidates(absl::string_view file, absl::Span<const std::string> python_roots) {
  std::vector<std::string> candidates = {std::string(file), absl::StrCat("/usr/local/cuda/lib64/", file)};
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

std::vector<std::string> PythonRoots() {
  std::vector<std::string> roots;
  for (const char* const variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const char* const root = std::getenv(variable); root != nullptr && *root != '\0') roots.push_back(root);
  }
  if (const char* const home = std::getenv("HOME"); home != nullptr && *home != '\0')
    roots.push_back(absl::StrCat(home, "/.local"));
  roots.insert(roots.end(), {"/usr/local", "/usr", "/opt/conda"});
  return roots;
}

}  // namespace metronome::cuda
