#include "runtime/base/path_roots.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

// Deeper than any checkpoint's layout, and bounded where links go round in circles.
constexpr int kMaxDepth = 4;
constexpr int kMaxEntries = 100'000;

fs::path RealPath(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return error ? fs::path() : real;
}

absl::Status Outside(const std::string& path) {
  return absl::PermissionDeniedError(
      absl::StrCat("'", path, "' is not within the folders that this daemon reads models from (--model-root)"));
}

}  // namespace

PathRoots::PathRoots(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    const fs::path real = RealPath(folder);
    if (!real.empty()) roots_.push_back(real);
  }
}

bool PathRoots::Contains(const fs::path& real) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const fs::path& root) {
    return std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end();
  });
}

absl::Status PathRoots::CheckDirectory(const std::string& directory) const {
  if (directory.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("the path '", absl::CEscape(directory), "' has a NUL byte"));
  const fs::path path(directory);
  if (!path.is_absolute()) {
    return absl::InvalidArgumentError(absl::StrCat("'", directory, "' is a relative path; give an absolute one"));
  }
  const fs::path real = RealPath(path);
  if (real.empty() || !Contains(real)) return Outside(directory);
  std::error_code error;
  if (!fs::is_directory(real, error)) return absl::NotFoundError(absl::StrCat("no directory ", directory));
  int entries = 0;
  for (auto at = fs::recursive_directory_iterator(real, fs::directory_options::skip_permission_denied, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (++entries > kMaxEntries)
      return absl::InvalidArgumentError(absl::StrCat(directory, " has more than ", kMaxEntries, " entries"));
    if (at.depth() >= kMaxDepth) at.disable_recursion_pending();
    if (at->is_symlink(error) && !Contains(RealPath(at->path())))
      return Outside((path / at->path().lexically_relative(real)).string());
  }
  return absl::OkStatus();
}

std::string PathRoots::ToString() const {
  return absl::StrJoin(roots_, ", ", [](std::string* out, const fs::path& root) { out->append(root.string()); });
}

}  // namespace metronome
