#include "runtime/weights/checkpoint_files.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/json_depth.h"
#include "runtime/files/regular_file.h"

namespace metronome::runtime {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kWhole[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr int64_t kMaxIndexBytes = 100'000'000;
constexpr size_t kMostNamed = 3;  // Of missing files in a message.

// The shard's place within its directory; empty for one that leaves it.
std::string PlaceWithin(const std::string& shard) {
  const fs::path place = fs::path(shard).lexically_normal();
  if (shard.empty() || place.is_absolute() || !place.has_filename() || place == "." || *place.begin() == ".." ||
      shard.find('\0') != std::string::npos)
    return "";
  return place.string();
}

absl::StatusOr<std::vector<std::string>> ShardsOf(const std::string& index_path, const PathRoots* roots) {
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(index_path, kMaxIndexBytes, roots));
  RETURN_IF_ERROR(CheckJsonDepth(text, index_path));
  const Json index = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(index_path, " has no weight_map object"));
  }
  std::set<std::string> shards;
  for (const auto& [name, value] : index["weight_map"].items()) {
    const std::string written = value.is_string() ? value.get<std::string>() : "";
    std::string place = PlaceWithin(written);
    if (place.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(index_path, ": tensor '", name, "' lies in '", written,
                                                     "', which is no file name within the directory"));
    }
    shards.insert(std::move(place));
  }
  if (shards.empty()) return absl::InvalidArgumentError(absl::StrCat(index_path, " names no shard in its weight_map"));
  return std::vector<std::string>(shards.begin(), shards.end());
}

absl::Status NoWeights(const std::string& directory, const FileIsThere& is_there) {
  for (const char* name : {kWhole, kIndex}) {
    const fs::path path = fs::path(directory) / name;
    std::error_code error;
    if (fs::exists(path, error) && !fs::is_regular_file(path, error))
      return absl::InvalidArgumentError(absl::StrCat(path.string(), " is not a regular file"));
  }
  std::string other;
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (is_there(name))
      other =
          absl::StrCat("; ", name, " is there, which is not read: load it with transformers and save_pretrained it");
  }
  return absl::NotFoundError(absl::StrCat("no ", kWhole, " or ", kIndex, " in ", directory, other));
}

}  // namespace

absl::StatusOr<CheckpointFiles> FindCheckpointFiles(const std::string& directory, FileIsThere is_there,
                                                    const PathRoots* roots) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) return absl::NotFoundError(absl::StrCat("no directory ", directory));
  if (!is_there) {
    is_there = [&](const std::string& name) {
      std::error_code ignored;
      return fs::is_regular_file(fs::path(directory) / name, ignored);
    };
  }
  if (is_there(kWhole)) return CheckpointFiles{directory, {kWhole}, roots};
  if (!is_there(kIndex)) return NoWeights(directory, is_there);
  CheckpointFiles files = {.directory = directory, .roots = roots};
  ASSIGN_OR_RETURN(files.names, ShardsOf(absl::StrCat(directory, "/", kIndex), roots));
  std::vector<std::string> missing;
  for (const std::string& name : files.names) {
    if (!is_there(name)) missing.push_back(name);
  }
  if (missing.empty()) return files;
  const size_t count = missing.size();
  missing.resize(std::min(count, kMostNamed));
  return absl::NotFoundError(absl::StrCat(directory, " lacks ", absl::StrJoin(missing, ", "),
                                          count > kMostNamed ? absl::StrCat(" and ", count - kMostNamed, " more") : "",
                                          ", which ", kIndex, " names"));
}

}  // namespace metronome::runtime
