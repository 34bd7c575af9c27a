#ifndef METRONOME_RUNTIME_WEIGHTS_CHECKPOINT_FILES_H_
#define METRONOME_RUNTIME_WEIGHTS_CHECKPOINT_FILES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/files/path_roots.h"

namespace metronome::runtime {

// The safetensors files that hold a model's weights.
struct CheckpointFiles {
  std::string directory;
  std::vector<std::string> names;    // Relative to it and within it, rising.
  const PathRoots* roots = nullptr;  // That they must lie in, as RegularFile::Open; nullptr = anywhere.
};

// Whether a file, named relative to the directory, counts as there.
using FileIsThere = std::function<bool(const std::string& name)>;

// Where transformers looks: model.safetensors, whatever index lies beside it; else all the shards that
// model.safetensors.index.json names, in folders of the directory too. `is_there` empty: regular files, or links to
// such. NotFound (no directory, none of both, shards that are missing, named), InvalidArgument (a malformed index, a
// shard outside the directory). `roots` are those of the index and of what is found.
absl::StatusOr<CheckpointFiles> FindCheckpointFiles(const std::string& directory, FileIsThere is_there = nullptr,
                                                    const PathRoots* roots = nullptr);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_CHECKPOINT_FILES_H_
