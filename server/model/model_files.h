#ifndef METRONOME_SERVER_MODEL_MODEL_FILES_H_
#define METRONOME_SERVER_MODEL_MODEL_FILES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/model_config.h"
#include "runtime/files/path_roots.h"
#include "runtime/files/regular_file.h"
#include "runtime/weights/checkpoint_files.h"

namespace metronome::server {

// Where a model's files are: a directory, or a snapshot in the HuggingFace cache.
struct ModelFiles {
  std::string directory;     // Absolute.
  std::string name;          // What the provenance calls it: empty for a directory, "org/name@commit" for a snapshot.
  runtime::FileIsThere has;  // By name in the directory.
  const PathRoots* roots = nullptr;  // That every file must lie in; nullptr = anywhere.

  // The path of a file that is there, else empty.
  std::string PathOf(const std::string& file) const { return has(file) ? directory + "/" + file : ""; }

  // The files that a model is read from beside its weights, as they are now: equal while none of them changes.
  std::vector<std::optional<FileIdentity>> SmallFiles() const;
};

// What `text` names: the absolute path of a directory on this machine, or a repository in the HuggingFace cache,
// "org/name" or "org/name@revision". NotFound naming what was looked for, and where; InvalidArgument for a relative
// path; PermissionDenied for a directory that `roots` (nullptr = anywhere) do not contain, there or not. `roots` are
// kept.
absl::StatusOr<ModelFiles> LocateModel(const std::string& text, const PathRoots* roots);

// What the cache has of a catalogue key: the first repository whose snapshot is whole and whose config.json has the
// catalogue's shapes.
struct CachedModel {
  std::optional<ModelFiles> files;
  std::vector<std::string> notes;  // What is in the cache and was not taken, and why.
};
CachedModel FindCachedModel(const compiler::CatalogueEntry& entry, const PathRoots* roots);

// InvalidArgument naming the first size in which `config`, read from files, differs from that of the catalogue.
absl::Status CheckSameShapes(const compiler::ModelConfig& config, const compiler::CatalogueEntry& entry);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_MODEL_FILES_H_
