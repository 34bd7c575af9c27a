#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/model/loaded_model.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

fs::path CacheRoot() {
  if (const char* cache = std::getenv("HF_HUB_CACHE")) return cache;
  if (const char* home = std::getenv("HF_HOME")) return fs::path(home) / "hub";
  const char* home = std::getenv("HOME");
  return fs::path(home == nullptr ? "/root" : home) / ".cache/huggingface/hub";
}

bool IsCheckpoint(const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / "config.json", error) &&
         (fs::exists(directory / "model.safetensors", error) ||
          fs::exists(directory / "model.safetensors.index.json", error));
}

}  // namespace

std::string FindCachedCheckpoint(absl::string_view repository) {
  if (repository.empty()) return "";
  const fs::path snapshots =
      CacheRoot() / absl::StrCat("models--", absl::StrReplaceAll(repository, {{"/", "--"}})) / "snapshots";
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(snapshots, error)) {
    if (IsCheckpoint(entry.path())) return entry.path().string();
  }
  return "";
}

}  // namespace metronome
