#include "server/access/new_directory.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace metronome::server {
namespace {

bool IsDirectory(const std::string& name) { return absl::StartsWith(name, "/"); }

}  // namespace

bool NamesNewDirectory(const std::string& model, const std::string& weights,
                       const std::vector<LoadedModelSnapshot>& loaded) {
  const auto is_known = [&](const std::string& name) {
    return !IsDirectory(name) || std::any_of(loaded.begin(), loaded.end(), [&](const LoadedModelSnapshot& snapshot) {
      return snapshot.request.model == name || snapshot.request.weights == name;
    });
  };
  return !is_known(model) || !is_known(weights);
}

}  // namespace metronome::server
