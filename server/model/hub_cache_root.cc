#include "server/model/hub_cache_root.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace metronome::server {
namespace {

// Python's os.path.join of two.
std::string Join(const std::string& base, const std::string& name) {
  if (absl::StartsWith(name, "/")) return name;
  return absl::StrCat(base, base.empty() || absl::EndsWith(base, "/") ? "" : "/", name);
}

std::optional<std::string> HomeOf(const std::string& user, const Environment& environment) {
  if (user.empty()) {
    if (std::optional<std::string> home = environment("HOME"); home.has_value()) return home;
  }
  const passwd* const entry = user.empty() ? getpwuid(getuid()) : getpwnam(user.c_str());
  return entry == nullptr ? std::nullopt : std::optional<std::string>(entry->pw_dir);
}

// Python's os.path.expanduser.
std::string ExpandUser(const std::string& path, const Environment& environment) {
  if (!absl::StartsWith(path, "~")) return path;
  const size_t slash = std::min(path.find('/'), path.size());
  const std::optional<std::string> home = HomeOf(path.substr(1, slash - 1), environment);
  if (!home.has_value()) return path;
  absl::string_view base = *home;
  while (absl::ConsumeSuffix(&base, "/")) {
  }
  const std::string expanded = absl::StrCat(base, path.substr(slash));
  return expanded.empty() ? "/" : expanded;
}

bool IsNameCharacter(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Python's os.path.expandvars: what is not set stays as it is written, and a value is not expanded again.
std::string ExpandVariables(const std::string& path, const Environment& environment) {
  std::string expanded;
  for (size_t at = 0; at < path.size();) {
    size_t name_begin = at + 1, name_end = name_begin, next = at + 1;
    if (path[at] == '$' && name_begin < path.size() && path[name_begin] == '{') {
      name_end = path.find('}', ++name_begin);
      next = name_end == std::string::npos ? at + 1 : name_end + 1;
    } else if (path[at] == '$') {
      while (name_end < path.size() && IsNameCharacter(path[name_end])) ++name_end;
      next = name_end;
    }
    const std::string written = path.substr(at, next - at);
    std::optional<std::string> value;
    if (next > at + 1) value = environment(path.substr(name_begin, name_end - name_begin));
    absl::StrAppend(&expanded, value.value_or(written));
    at = next;
  }
  return expanded;
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::string HomeDirectory(const Environment& environment) { return ExpandUser("~", environment); }

std::string HubCacheRoot(const Environment& environment) {
  const auto expand = [&](const std::string& path) {
    return ExpandVariables(ExpandUser(path, environment), environment);
  };
  const std::string cache_home = environment("XDG_CACHE_HOME").value_or(Join(HomeDirectory(environment), ".cache"));
  const std::string home = expand(environment("HF_HOME").value_or(Join(cache_home, "huggingface")));
  const std::string legacy = environment("HUGGINGFACE_HUB_CACHE").value_or(Join(home, "hub"));
  return expand(environment("HF_HUB_CACHE").value_or(legacy));
}

}  // namespace metronome::server
