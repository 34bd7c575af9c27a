#include "server/model/model_files.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/hf_config.h"
#include "runtime/base/status_macros.h"
#include "server/model/hub_cache.h"
#include "server/model/hub_cache_root.h"
#include "server/model/repositories.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "the daemon's host";
}

ModelFiles FilesIn(const std::string& directory) {
  return {.directory = directory, .has = [directory](const std::string& file) {
            std::error_code error;
            return fs::is_regular_file(fs::path(directory) / file, error);
          }};
}

ModelFiles FilesOf(const HubSnapshot& snapshot) {
  return {.directory = snapshot.directory(), .name = snapshot.name(), .has = [snapshot](const std::string& file) {
            return snapshot.Has(file);
          }};
}

// What keeps a snapshot from being loaded as the catalogue's model.
absl::Status CheckWhole(const HubSnapshot& snapshot, const ModelFiles& files, const CatalogueEntry& entry) {
  const std::string config_path = files.PathOf("config.json");
  if (config_path.empty()) return absl::NotFoundError("it lacks config.json");
  ASSIGN_OR_RETURN(const ModelConfig config, ReadHfConfig(config_path));
  RETURN_IF_ERROR(CheckSameShapes(config, entry));
  absl::Status weights = FindCheckpointFiles(files.directory, files.has).status();
  if (!weights.ok() && snapshot.has_unfinished_downloads())
    return absl::Status(weights.code(), absl::StrCat(weights.message(), "; a download did not finish"));
  return weights;
}

}  // namespace

absl::StatusOr<ModelFiles> LocateModel(const std::string& text) {
  std::error_code error;
  if (absl::StartsWith(text, "/")) {
    if (fs::is_directory(text, error)) return FilesIn(text);
    return absl::NotFoundError(
        absl::StrCat("no directory ", text, " on ", HostName(), ", where the daemon runs and a model's files must be"));
  }
  const std::optional<HubId> id = HubId::Parse(text);
  if (!id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text,
                     "' is neither an absolute path nor a repository as org/name or org/name@revision; a "
                     "relative path means nothing to a daemon"));
  }
  absl::StatusOr<HubSnapshot> snapshot = HubSnapshot::Find(HubCacheRoot(ProcessEnvironment()), *id);
  if (!snapshot.ok()) {
    return absl::NotFoundError(absl::StrCat(snapshot.status().message(), " on ", HostName(),
                                            "; a directory must be given by its absolute path"));
  }
  return FilesOf(*snapshot);
}

CachedModel FindCachedModel(const CatalogueEntry& entry) {
  CachedModel found;
  const std::string root = HubCacheRoot(ProcessEnvironment());
  for (const absl::string_view repository : RepositoriesOf(entry.key)) {
    const absl::StatusOr<HubSnapshot> snapshot = HubSnapshot::Find(root, {.repository = std::string(repository)});
    if (!snapshot.ok()) continue;
    ModelFiles files = FilesOf(*snapshot);
    if (const absl::Status status = CheckWhole(*snapshot, files, entry); !status.ok()) {
      found.notes.push_back(absl::StrCat(files.name, " not taken: ", status.message()));
      continue;
    }
    found.files = std::move(files);
    break;
  }
  return found;
}

absl::Status CheckSameShapes(const ModelConfig& config, const CatalogueEntry& entry) {
  ASSIGN_OR_RETURN(const ModelConfig expected, ParseHfConfig(entry.config));
  const auto differs = [&](absl::string_view what, const auto& value, const auto& wanted) {
    return absl::InvalidArgumentError(absl::StrCat("its ", what, " is ", value, ", that of ", entry.key, " ", wanted));
  };
  if (config.family != expected.family) return differs("model_type", config.family, expected.family);
  const std::pair<const char*, int64_t ModelConfig::*> kSizes[] = {
      {"vocab_size", &ModelConfig::vocab},
      {"hidden_size", &ModelConfig::hidden},
      {"intermediate_size", &ModelConfig::intermediate},
      {"num_attention_heads", &ModelConfig::heads},
      {"num_experts", &ModelConfig::experts},
      {"number of experts per token", &ModelConfig::experts_per_token},
      {"moe_intermediate_size", &ModelConfig::expert_intermediate}};
  for (const auto& [name, size] : kSizes) {
    if (config.*size != expected.*size) return differs(name, config.*size, expected.*size);
  }
  if (config.layers.size() != expected.layers.size())
    return differs("num_hidden_layers", config.layers.size(), expected.layers.size());
  const std::pair<const char*, int64_t LayerConfig::*> kLayerSizes[] = {{"num_key_value_heads", &LayerConfig::kv_heads},
                                                                        {"head_dim", &LayerConfig::head_dim},
                                                                        {"sliding window", &LayerConfig::window}};
  for (size_t i = 0; i < config.layers.size(); ++i) {
    for (const auto& [name, size] : kLayerSizes) {
      if (config.layers[i].*size != expected.layers[i].*size)
        return differs(absl::StrCat(name, " of layer ", i), config.layers[i].*size, expected.layers[i].*size);
    }
  }
  return absl::OkStatus();
}

}  // namespace metronome
