#include "server/model/model_files.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/base/status_macros.h"
#include "server/model/hub_cache.h"
#include "server/model/hub_cache_root.h"
#include "server/model/repositories.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "the daemon's host";
}

// What a checkpoint's tokenizer, chat templates, shards and settings are read from.
constexpr absl::string_view kSmallFiles[] = {
    "config.json",           "generation_config.json", "tokenizer.json",
    "tokenizer_config.json", "added_tokens.json",      "special_tokens_map.json",
    "chat_template.jinja",   "chat_template.json",     "model.safetensors.index.json"};

// A link that leads out of the roots counts as there, whether or not anything is at its end: opening it says why not.
bool IsThere(const fs::path& path, const PathRoots* roots) {
  std::error_code error;
  if (roots != nullptr && fs::is_symlink(path, error) && !roots->Check(path.string()).ok()) return true;
  return fs::is_regular_file(path, error);
}

ModelFiles FilesIn(const std::string& directory, const PathRoots* roots) {
  return {.directory = directory,
          .has = [directory, roots](const std::string& file) { return IsThere(fs::path(directory) / file, roots); },
          .roots = roots};
}

ModelFiles FilesOf(const HubSnapshot& snapshot, const PathRoots* roots) {
  return {.directory = snapshot.directory(),
          .name = snapshot.name(),
          .has = [snapshot](const std::string& file) { return snapshot.Has(file); },
          .roots = roots};
}

// What keeps a snapshot from being loaded as the catalogue's model.
absl::Status CheckWhole(const HubSnapshot& snapshot, const ModelFiles& files, const compiler::CatalogueEntry& entry) {
  const std::string config_path = files.PathOf("config.json");
  if (config_path.empty()) return absl::NotFoundError("it lacks config.json");
  ASSIGN_OR_RETURN(const compiler::ModelConfig config, compiler::ReadHfConfig(config_path, files.roots));
  RETURN_IF_ERROR(CheckSameShapes(config, entry));
  absl::Status weights = runtime::FindCheckpointFiles(files.directory, files.has, files.roots).status();
  if (!weights.ok() && snapshot.has_unfinished_downloads())
    return absl::Status(weights.code(), absl::StrCat(weights.message(), "; a download did not finish"));
  return weights;
}

}  // namespace

std::vector<std::optional<FileIdentity>> ModelFiles::SmallFiles() const {
  std::vector<std::optional<FileIdentity>> identities;
  for (const absl::string_view name : kSmallFiles) {
    const absl::StatusOr<FileIdentity> identity = IdentityOf(absl::StrCat(directory, "/", name));
    identities.push_back(identity.ok() ? std::optional<FileIdentity>(*identity) : std::nullopt);
  }
  return identities;
}

absl::StatusOr<ModelFiles> LocateModel(const std::string& text, const PathRoots* roots) {
  std::error_code error;
  if (absl::StartsWith(text, "/")) {
    if (roots != nullptr) RETURN_IF_ERROR(roots->Check(text));
    // By name, as the roots take it, so that nothing outside them is walked through.
    const fs::path directory = fs::path(text).lexically_normal();
    if (fs::is_directory(directory, error)) return FilesIn(directory.string(), roots);
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
  return FilesOf(*snapshot, roots);
}

CachedModel FindCachedModel(const compiler::CatalogueEntry& entry, const PathRoots* roots) {
  CachedModel found;
  const std::string root = HubCacheRoot(ProcessEnvironment());
  for (const absl::string_view repository : RepositoriesOf(entry.key)) {
    const absl::StatusOr<HubSnapshot> snapshot = HubSnapshot::Find(root, {.repository = std::string(repository)});
    if (!snapshot.ok()) continue;
    ModelFiles files = FilesOf(*snapshot, roots);
    if (const absl::Status status = CheckWhole(*snapshot, files, entry); !status.ok()) {
      found.notes.push_back(absl::StrCat(files.name, " not taken: ", status.message()));
      continue;
    }
    found.files = std::move(files);
    break;
  }
  return found;
}

absl::Status CheckSameShapes(const compiler::ModelConfig& config, const compiler::CatalogueEntry& entry) {
  ASSIGN_OR_RETURN(const compiler::ModelConfig expected, compiler::ParseHfConfig(entry.config));
  const auto differs = [&](absl::string_view what, const auto& value, const auto& wanted) {
    return absl::InvalidArgumentError(absl::StrCat("its ", what, " is ", value, ", that of ", entry.key, " ", wanted));
  };
  if (config.family != expected.family) return differs("model_type", config.family, expected.family);
  const std::pair<const char*, int64_t compiler::ModelConfig::*> kSizes[] = {
      {"vocab_size", &compiler::ModelConfig::vocab},
      {"hidden_size", &compiler::ModelConfig::hidden},
      {"intermediate_size", &compiler::ModelConfig::intermediate},
      {"num_attention_heads", &compiler::ModelConfig::heads},
      {"num_experts", &compiler::ModelConfig::experts},
      {"number of experts per token", &compiler::ModelConfig::experts_per_token},
      {"moe_intermediate_size", &compiler::ModelConfig::expert_intermediate}};
  for (const auto& [name, size] : kSizes) {
    if (config.*size != expected.*size) return differs(name, config.*size, expected.*size);
  }
  if (config.layers.size() != expected.layers.size())
    return differs("num_hidden_layers", config.layers.size(), expected.layers.size());
  const std::pair<const char*, int64_t compiler::LayerConfig::*> kLayerSizes[] = {
      {"num_key_value_heads", &compiler::LayerConfig::kv_heads},
      {"head_dim", &compiler::LayerConfig::head_dim},
      {"sliding window", &compiler::LayerConfig::window}};
  for (size_t i = 0; i < config.layers.size(); ++i) {
    for (const auto& [name, size] : kLayerSizes) {
      if (config.layers[i].*size != expected.layers[i].*size)
        return differs(absl::StrCat(name, " of layer ", i), config.layers[i].*size, expected.layers[i].*size);
    }
  }
  return absl::OkStatus();
}

}  // namespace metronome::server
