#ifndef METRONOME_SERVER_MODEL_HUB_CACHE_H_
#define METRONOME_SERVER_MODEL_HUB_CACHE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// A repository on the HuggingFace hub and a state of it.
struct HubId {
  std::string repository;         // "org/name", or "name" of the few that have no organisation.
  std::string revision = "main";  // Branch, tag, "refs/pr/3", or a commit of 40 hex digits.

  // "org/name" or "org/name@revision". nullopt for what huggingface_hub would not take for a repository.
  static std::optional<HubId> Parse(absl::string_view text);
};

// One commit of a repository in a local cache. It has the files that were downloaded, maybe not all that the commit
// has.
class HubSnapshot {
 public:
  // What huggingface_hub takes without a network: refs/<revision> names the commit, or the revision is one; no other
  // snapshot stands in. NotFound naming the repository, the revision and the cache.
  static absl::StatusOr<HubSnapshot> Find(const std::string& cache_root, const HubId& id);

  const std::string& name() const { return name_; }            // "org/name@commit".
  const std::string& directory() const { return directory_; }  // Where its files are.

  // Whether a file is there. No for a link to nothing, as an interrupted download leaves it, and for a file that the
  // cache knows the commit not to have (.no_exist).
  bool Has(const std::string& file) const;

  // A download into this repository was begun and not finished, whatever it was for.
  bool has_unfinished_downloads() const;

 private:
  std::string name_;
  std::string directory_;
  std::string storage_;  // Of the repository.
  std::string commit_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_HUB_CACHE_H_
