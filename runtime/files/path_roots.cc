#include "runtime/files/path_roots.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // As the kernel's.

void PushNames(const fs::path& path, std::vector<fs::path>& pending) {
  const std::vector<fs::path> names(path.begin(), path.end());
  pending.insert(pending.end(), names.rbegin(), names.rend());
}

// Links followed, to nothing too: weakly_canonical takes one that dangles for a name that is not there yet, which would
// tell whether there is something at its end. Empty where that cannot be told, as for links that go round in circles.
// ".." is taken by name first: resolving "/x/../y" would tell whether there is an x.
fs::path RealPath(const fs::path& path) {
  std::error_code error;
  std::vector<fs::path> pending;  // The next name last.
  PushNames(fs::absolute(path, error).lexically_normal(), pending);
  if (error) return {};
  fs::path real = "/";
  int links = 0;
  while (!pending.empty()) {
    const fs::path name = std::move(pending.back());
    pending.pop_back();
    if (name.empty() || name == "." || name == "/") continue;
    if (name == "..") {
      real = real.parent_path();
      continue;
    }
    const fs::file_type type = fs::symlink_status(real / name, error).type();
    if (type == fs::file_type::none) return {};
    if (type != fs::file_type::symlink) {
      real /= name;
      continue;
    }
    const fs::path target = fs::read_symlink(real / name, error);
    if (error || ++links > kMaxLinks) return {};
    if (target.is_absolute()) real = "/";
    PushNames(target, pending);
  }
  return real;
}

bool IsWithin(const fs::path& real, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end();
}

}  // namespace

absl::Status PathRoots::Check(const std::string& path) const {
  if (path.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("the path '", absl::CEscape(path), "' has a NUL byte"));
  const fs::path real = RealPath(path);
  if (!real.empty()) {
    for (const std::string& root : roots_) {
      const fs::path real_root = root.empty() ? fs::path() : RealPath(root);
      if (!real_root.empty() && IsWithin(real, real_root)) return absl::OkStatus();
    }
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "'", path, "' does not lie, links followed, in a folder that this daemon reads models from (--model-root)"));
}

std::string PathRoots::ToString() const { return absl::StrJoin(roots_, ", "); }

}  // namespace metronome
