#ifndef METRONOME_KERNELS_BASE_FILE_STORE_H_
#define METRONOME_KERNELS_BASE_FILE_STORE_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome {

// A cache on disk: a directory of entries, each found by an arbitrary key text, together at most so many bytes. Entries
// carry their key and a checksum, so what is damaged, foreign or of another key counts as not there. Writes are atomic.
// Several processes may share the directory.
class FileStore {
 public:
  // Makes the directory where missing and removes what interrupted writes left. PermissionDenied and other errors of
  // the file system; InvalidArgument (max_bytes < 1).
  static absl::StatusOr<FileStore> Open(const std::string& directory, int64_t max_bytes);

  // NotFound.
  absl::StatusOr<std::string> Get(absl::string_view key) const;

  // Replaces any value of the key, then removes the others used longest ago until all fit. ResourceExhausted for an
  // entry that alone does not fit; errors of the file system. What was there stays on error.
  absl::Status Put(absl::string_view key, absl::string_view value) const;

 private:
  FileStore(std::filesystem::path directory, int64_t max_bytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  std::filesystem::path PathOf(absl::string_view key) const;
  void Evict(const std::filesystem::path& kept) const;

  std::filesystem::path directory_;
  int64_t max_bytes_;
};

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_FILE_STORE_H_
