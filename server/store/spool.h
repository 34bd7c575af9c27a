#ifndef METRONOME_SERVER_STORE_SPOOL_H_
#define METRONOME_SERVER_STORE_SPOOL_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// Records that wait in one file, in the order they came. Appended records are on the disk when Append returns; each has
// a checksum. A file with nothing left in it is removed; until then it only grows, so after a crash records come again
// that were taken before. Used from one thread of one process.
class Spool {
 public:
  // FailedPrecondition or Unavailable where a file is there and cannot be read. What a crash left of an unfinished
  // record is cut off. The file and its directory are made by the first Append.
  static absl::StatusOr<Spool> Open(std::string path, int64_t max_bytes);
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&&) = delete;
  ~Spool();

  const std::string& path() const { return path_; }
  bool empty() const { return records_.empty(); }

  // ResourceExhausted (the disk or max_bytes is full), FailedPrecondition (read-only, no permission), Unavailable. The
  // file is then as before.
  absl::Status Append(absl::string_view record);

  // The record that came first; the spool is not empty. DataLoss for one that is damaged.
  absl::StatusOr<std::string> Front() const;
  // Removes it. A file that had damaged records becomes "<path>.damaged" in place of being removed.
  void Pop(bool damaged = false);

 private:
  Spool(std::string path, int64_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}
  absl::Status Create();
  absl::Status Scan();
  absl::Status Error(const char* doing) const;
  void Close();

  struct Record {
    int64_t offset = 0;  // Of its first byte, after the header.
    int64_t bytes = 0;
    uint64_t checksum = 0;
  };

  const std::string path_;
  const int64_t max_bytes_;
  int descriptor_ = -1;  // While there is a file.
  int64_t end_ = 0;      // Where the next record goes.
  std::deque<Record> records_;
  bool has_damage_ = false;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_SPOOL_H_
