#include "server/store/spool.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

constexpr char kMagic[8] = {'M', 'T', 'R', 'N', 'S', 'P', 'L', '1'};

// What stands before a record in the file.
struct Header {
  char magic[8];
  int64_t bytes;
  uint64_t checksum;
};

bool WriteAll(int descriptor, absl::string_view bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return true;
}

bool ReadAll(int descriptor, char* bytes, size_t count, int64_t offset) {
  while (count > 0) {
    const ssize_t got = pread(descriptor, bytes, count, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    count -= static_cast<size_t>(got);
    offset += got;
  }
  return true;
}

// Where the first record at `from` or later may begin; `size` if nowhere.
int64_t FindMagic(int descriptor, int64_t from, int64_t size) {
  std::string window;
  constexpr int64_t kWindowBytes = 1 << 16, kStep = kWindowBytes - static_cast<int64_t>(sizeof(kMagic)) + 1;
  for (int64_t at = from; at < size; at += kStep) {
    window.resize(static_cast<size_t>(std::min(kWindowBytes, size - at)));
    if (!ReadAll(descriptor, window.data(), window.size(), at)) return size;
    const size_t found = window.find(kMagic, 0, sizeof(kMagic));
    if (found != std::string::npos) return at + static_cast<int64_t>(found);
  }
  return size;
}

}  // namespace

absl::StatusOr<Spool> Spool::Open(std::string path, int64_t max_bytes) {
  Spool spool(std::move(path), max_bytes);
  spool.descriptor_ = open(spool.path_.c_str(), O_RDWR | O_CLOEXEC);
  if (spool.descriptor_ < 0 && errno != ENOENT && errno != ENOTDIR) return spool.Error("open");
  if (spool.descriptor_ >= 0) RETURN_IF_ERROR(spool.Scan());
  return spool;
}

Spool::Spool(Spool&& other) noexcept
    : path_(other.path_),
      max_bytes_(other.max_bytes_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      end_(other.end_),
      records_(std::move(other.records_)),
      has_damage_(other.has_damage_) {}

Spool::~Spool() { Close(); }

void Spool::Close() {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

absl::Status Spool::Error(const char* doing) const {
  const std::string text = absl::StrCat("cannot ", doing, " ", path_, ": ", std::strerror(errno));
  switch (errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::FailedPreconditionError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// Finds the records. What is none, since a crash cut its writing short or since it is damaged, is passed over.
absl::Status Spool::Scan() {
  struct stat facts = {};
  if (fstat(descriptor_, &facts) != 0) return Error("read");
  Header header;
  while ((end_ = FindMagic(descriptor_, end_, facts.st_size)) < facts.st_size) {
    const int64_t begin = end_ + static_cast<int64_t>(sizeof(header));
    if (ReadAll(descriptor_, reinterpret_cast<char*>(&header), sizeof(header), end_) && header.bytes >= 0 &&
        header.bytes <= facts.st_size - begin) {
      has_damage_ = has_damage_ || end_ != (records_.empty() ? 0 : records_.back().offset + records_.back().bytes);
      records_.push_back({.offset = begin, .bytes = header.bytes, .checksum = header.checksum});
      end_ = begin + header.bytes;
    } else {
      ++end_;
    }
  }
  // The file is kept when it has been emptied, whether the rest is worth anything or not.
  has_damage_ = has_damage_ || end_ != (records_.empty() ? 0 : records_.back().offset + records_.back().bytes);
  if (has_damage_) spdlog::warn("{} has bytes that are no whole record beside {} that are", path_, records_.size());
  return absl::OkStatus();
}

// A new file is there after a crash when its directory is synced too.
absl::Status Spool::Create() {
  std::error_code ignored;  // Opening says it.
  const std::filesystem::path directory = std::filesystem::absolute(path_, ignored).parent_path();
  std::filesystem::create_directories(directory, ignored);
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) return Error("create");
  const int parent = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = parent >= 0 && fsync(parent) == 0;
  const absl::Status status = synced ? absl::OkStatus() : Error("create");
  if (parent >= 0) close(parent);
  return status;
}

absl::Status Spool::Append(absl::string_view record) {
  Header header = {.magic = {}, .bytes = static_cast<int64_t>(record.size()), .checksum = Fnv1a(record)};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  const auto offset = end_ + static_cast<int64_t>(sizeof(header)), end = offset + header.bytes;
  if (end > max_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path_, " has ", end_, " bytes, and ", record.size(), " more exceed its limit of ", max_bytes_));
  }
  if (descriptor_ < 0) RETURN_IF_ERROR(Create());
  if (!WriteAll(descriptor_, absl::string_view(reinterpret_cast<const char*>(&header), sizeof(header)), end_) ||
      !WriteAll(descriptor_, record, offset) || fdatasync(descriptor_) != 0) {
    const absl::Status status = Error("write");
    if (ftruncate(descriptor_, end_) != 0) spdlog::warn("{}", std::string(Error("shorten").message()));
    if (records_.empty() && !has_damage_) {
      unlink(path_.c_str());
      Close();
    }
    return status;
  }
  records_.push_back({.offset = offset, .bytes = header.bytes, .checksum = header.checksum});
  end_ = end;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Spool::Front() const {
  const Record& record = records_.front();
  std::string bytes(static_cast<size_t>(record.bytes), '\0');
  if (!ReadAll(descriptor_, bytes.data(), bytes.size(), record.offset)) return Error("read");
  if (Fnv1a(bytes) != record.checksum)
    return absl::DataLossError(absl::StrCat(path_, ": the record at byte ", record.offset, " is damaged"));
  return bytes;
}

void Spool::Pop(bool damaged) {
  has_damage_ = has_damage_ || damaged;
  records_.pop_front();
  if (!records_.empty()) return;
  const std::string kept = path_ + ".damaged";
  if ((has_damage_ ? std::rename(path_.c_str(), kept.c_str()) : unlink(path_.c_str())) != 0 && errno != ENOENT)
    spdlog::warn("{}", std::string(Error("remove").message()));
  if (has_damage_) spdlog::error("{} has records that cannot be read", kept);
  has_damage_ = false;
  end_ = 0;
  Close();
}

}  // namespace metronome::server
