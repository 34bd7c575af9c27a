#include "kernels/base/file_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

constexpr char kMagic[8] = {'M', 'T', 'R', 'N', 'S', 'T', 'O', '1'};
constexpr const char *kExtension = ".entry", *kTemporaryExtension = ".tmp";
// Temporaries older than this belong to no writer that is still at work.
constexpr auto kStale = std::chrono::hours(1);

// What stands before key and value in a file.
struct Header {
  char magic[8];
  uint64_t key_bytes;
  uint64_t value_bytes;
  uint64_t checksum;  // Of key and value.
};

uint64_t Checksum(absl::string_view key, absl::string_view value) { return Fnv1a(absl::StrCat(key, value)); }

std::string Encode(absl::string_view key, absl::string_view value) {
  Header header = {.magic = {}, .key_bytes = key.size(), .value_bytes = value.size(), .checksum = Checksum(key, value)};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  return absl::StrCat(absl::string_view(reinterpret_cast<const char*>(&header), sizeof(header)), key, value);
}

// The value; nothing unless the bytes are a whole entry of that key.
absl::StatusOr<std::string> Decode(absl::string_view bytes, absl::string_view key) {
  const absl::Status absent = absl::NotFoundError("no such entry");
  Header header;
  if (bytes.size() < sizeof(header)) return absent;
  std::memcpy(&header, bytes.data(), sizeof(header));
  bytes.remove_prefix(sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.key_bytes != key.size() ||
      bytes.size() < key.size() || header.value_bytes != bytes.size() - key.size())
    return absent;
  const absl::string_view stored_key = bytes.substr(0, key.size()), value = bytes.substr(key.size());
  if (stored_key != key || header.checksum != Checksum(key, value)) return absent;
  return std::string(value);
}

absl::Status SystemError(absl::string_view what, const fs::path& path, int code) {
  return absl::ErrnoToStatus(code, absl::StrCat("cannot ", what, " ", path.string()));
}

// All of `bytes`, on the disk when this returns.
absl::Status WriteDurably(const fs::path& path, absl::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return SystemError("write", path, errno);
  int failure = 0;
  while (!bytes.empty() && failure == 0) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno != EINTR) failure = errno;
      continue;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (failure == 0 && fsync(file) != 0) failure = errno;
  if (close(file) != 0 && failure == 0) failure = errno;
  return failure == 0 ? absl::OkStatus() : SystemError("write", path, failure);
}

}  // namespace

absl::StatusOr<FileStore> FileStore::Open(const std::string& directory, int64_t max_bytes) {
  if (max_bytes < 1) return absl::InvalidArgumentError(absl::StrCat("max_bytes is ", max_bytes, ", not at least 1"));
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return SystemError("make", directory, error.value());
  if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0) return SystemError("use", directory, errno);
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    std::error_code ignored;
    if (entry.path().extension() == kTemporaryExtension &&
        entry.last_write_time(ignored) < fs::file_time_type::clock::now() - kStale)
      fs::remove(entry.path(), ignored);
  }
  return FileStore(directory, max_bytes);
}

// 128 bits of two hashes; the key inside an entry settles what is left of chance.
fs::path FileStore::PathOf(absl::string_view key) const {
  const uint64_t forward = Fnv1a(key), seeded = Fnv1a(absl::StrCat(absl::Hex(forward), key));
  return directory_ /
         absl::StrCat(absl::Hex(forward, absl::kZeroPad16), absl::Hex(seeded, absl::kZeroPad16), kExtension);
}

absl::StatusOr<std::string> FileStore::Get(absl::string_view key) const {
  const fs::path path = PathOf(key);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;  // Stops where a read fails; an iterator over the file would throw.
  bytes << file.rdbuf();
  ASSIGN_OR_RETURN(std::string value, Decode(bytes.str(), key));
  std::error_code ignored;  // Only the order of eviction depends on it.
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return value;
}

absl::Status FileStore::Put(absl::string_view key, absl::string_view value) const {
  const std::string bytes = Encode(key, value);
  if (static_cast<int64_t>(bytes.size()) > max_bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat("an entry of ", bytes.size(), " bytes does not fit into the ",
                                                     max_bytes_, " of ", directory_.string()));
  }
  static std::atomic<uint64_t> writes{0};
  const fs::path path = PathOf(key);
  const fs::path temporary = absl::StrCat(path.string(), ".", getpid(), ".", writes.fetch_add(1), kTemporaryExtension);
  absl::Status status = WriteDurably(temporary, bytes);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) status = SystemError("replace", path, errno);
  if (!status.ok()) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    return status;
  }
  Evict(path);
  return absl::OkStatus();
}

// `kept` stays whatever its date: the file system's clock may be too coarse to tell it from older ones, or may have
// been set back.
void FileStore::Evict(const fs::path& kept) const {
  std::vector<std::tuple<fs::file_time_type, fs::path, int64_t>> entries;
  int64_t total = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    std::error_code gone;  // Another process may evict too.
    if (entry.path().extension() != kExtension) continue;
    const auto bytes = static_cast<int64_t>(entry.file_size(gone));
    const fs::file_time_type used = entry.last_write_time(gone);
    if (gone) continue;
    if (entry.path() != kept) entries.emplace_back(used, entry.path(), bytes);
    total += bytes;
  }
  std::sort(entries.begin(), entries.end());
  for (const auto& [used, path, bytes] : entries) {
    if (total <= max_bytes_) return;
    std::error_code ignored;
    fs::remove(path, ignored);
    total -= bytes;
  }
}

}  // namespace metronome
