#include "client/benchmark/config_selection.h"

#include <fnmatch.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

constexpr char kSearchSweep[] = "search-sweep";
constexpr char kUrTest[] = "ur-test";

bool HasWildcard(const std::string& pattern) { return pattern.find_first_of("*?[") != pattern.npos; }

class ConfigSelector {
 public:
  ConfigSelector(const std::vector<NamedConfig>& known, absl::string_view source) : known_(known), source_(source) {}

  absl::Status Add(const std::string& pattern) {
    ASSIGN_OR_RETURN(const std::vector<const NamedConfig*> found, Find(pattern));
    for (const NamedConfig* config : found) {
      if (std::find(selected_.begin(), selected_.end(), config) == selected_.end()) selected_.push_back(config);
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& pattern) {
    ASSIGN_OR_RETURN(const std::vector<const NamedConfig*> found, Find(pattern));
    selected_.erase(std::remove_if(selected_.begin(), selected_.end(),
                                   [&](const NamedConfig* config) {
                                     return std::find(found.begin(), found.end(), config) != found.end();
                                   }),
                    selected_.end());
    return absl::OkStatus();
  }

  absl::Status CheckIsSuite(const std::string& name) const {
    const NamedConfig* config = Named(name);
    if (config == nullptr || config->config.configs.has_value()) return absl::OkStatus();  // Add says what there is.
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' in ", source_, " is a configuration, not a suite"));
  }

  std::vector<NamedConfig> Take() const {
    std::vector<NamedConfig> configs;
    for (const NamedConfig* config : selected_) configs.push_back(*config);
    return configs;
  }

 private:
  const NamedConfig* Named(absl::string_view name) const {
    const auto found =
        std::find_if(known_.begin(), known_.end(), [&](const NamedConfig& config) { return config.name == name; });
    return found == known_.end() ? nullptr : &*found;
  }

  absl::Status Unknown(absl::string_view name) const {
    return absl::NotFoundError(
        absl::StrCat("no configuration '", name, "' in ", source_, "; there are ",
                     absl::StrJoin(known_, ", ", [](std::string* out, const NamedConfig& c) { *out += c.name; })));
  }

  // Configurations that a name, suite or wildcard stands for.
  absl::StatusOr<std::vector<const NamedConfig*>> Find(const std::string& pattern) const {
    std::vector<const NamedConfig*> found;
    const NamedConfig* named = Named(pattern);
    if (named != nullptr && named->config.configs.has_value()) {
      for (const std::string& member : *named->config.configs) {
        const NamedConfig* config = Named(member);
        if (config == nullptr) return Unknown(member);
        if (config->config.configs.has_value())
          return absl::InvalidArgumentError(
              absl::StrCat("suite '", pattern, "' in ", source_, " has '", member, "', which is a suite too"));
        found.push_back(config);
      }
    } else if (named != nullptr) {
      found.push_back(named);
    } else if (HasWildcard(pattern)) {
      for (const NamedConfig& config : known_) {
        if (!config.config.configs.has_value() && fnmatch(pattern.c_str(), config.name.c_str(), 0) == 0)
          found.push_back(&config);
      }
    }
    if (found.empty()) return Unknown(pattern);
    return found;
  }

  const std::vector<NamedConfig>& known_;
  const absl::string_view source_;
  std::vector<const NamedConfig*> selected_;
};

}  // namespace

absl::StatusOr<std::vector<NamedConfig>> SelectConfigs(const std::vector<NamedConfig>& known, absl::string_view source,
                                                       const ConfigChoice& choice) {
  if (choice.names.empty() && choice.suite.empty() && !choice.all) {
    if (choice.skip.empty()) return std::vector<NamedConfig>{NamedConfig()};
    return absl::InvalidArgumentError("there is no configuration to skip: --config or --all-configs names some");
  }
  ConfigSelector selector(known, source);
  for (const std::string& name : choice.names) RETURN_IF_ERROR(selector.Add(name));
  if (!choice.suite.empty()) {
    RETURN_IF_ERROR(selector.CheckIsSuite(choice.suite));
    RETURN_IF_ERROR(selector.Add(choice.suite));
  }
  if (choice.all) RETURN_IF_ERROR(selector.Add("*"));
  for (const std::string& name : choice.skip) RETURN_IF_ERROR(selector.Remove(name));
  if (choice.no_sweep) RETURN_IF_ERROR(selector.Remove(kSearchSweep));
  std::vector<NamedConfig> configs = selector.Take();
  if (configs.empty()) return absl::InvalidArgumentError("no configuration is left: all are skipped");
  return configs;
}

std::string ModeOf(const ConfigChoice& choice) {
  if (choice.all) return "all-configs";
  const size_t named = choice.names.size() + (choice.suite.empty() ? 0 : 1);
  if (named == 0) return choice.scaling ? "scaling" : "single";
  const std::string& name = choice.suite.empty() ? choice.names.front() : choice.suite;
  if (named > 1 || HasWildcard(name)) return "configs";
  if (name == kSearchSweep || name == kUrTest) return name;
  return choice.suite.empty() ? "single" : "suite";
}

}  // namespace metronome::client
