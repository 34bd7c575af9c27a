#include "server/database/integrity.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

constexpr size_t kHeaderBytes = 32, kFrameHeaderBytes = 24;
constexpr uint32_t kMagic = 0x377f0682;  // With the lowest bit set, checksums are of big-endian words.
constexpr size_t kMinPageBytes = 512, kMaxPageBytes = 65536;

uint32_t BigEndian(absl::string_view bytes, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof(word));
  return __builtin_bswap32(word);
}

// The running checksum of header and frames.
class Checksum {
 public:
  explicit Checksum(bool big_endian) : big_endian_(big_endian) {}

  void Add(absl::string_view bytes) {  // A multiple of 8.
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      first_ += Word(bytes, i) + second_;
      second_ += Word(bytes, i + 4) + first_;
    }
  }
  bool IsAt(absl::string_view bytes, size_t at) const {
    return BigEndian(bytes, at) == first_ && BigEndian(bytes, at + 4) == second_;
  }

 private:
  uint32_t Word(absl::string_view bytes, size_t at) const {
    const uint32_t word = BigEndian(bytes, at);
    return big_endian_ ? word : __builtin_bswap32(word);
  }

  const bool big_endian_;
  uint32_t first_ = 0, second_ = 0;
};

// Reads frames until the end; those after the last whole transaction are dropped, if they are of this log and not left
// from before it was last begun, which other salts tell.
void ReadFrames(std::istream& file, absl::string_view header, Checksum checksum, LogReport& report) {
  std::string frame(kFrameHeaderBytes + BigEndian(header, 8), '\0');
  const absl::string_view salts = header.substr(16, 8);
  bool valid = true;
  int64_t unfinished = 0;  // Valid frames of a transaction without an end, so far.
  while (file.read(frame.data(), static_cast<std::streamsize>(frame.size())) ||
         file.gcount() >= static_cast<std::streamsize>(kFrameHeaderBytes)) {
    const absl::string_view bytes = absl::string_view(frame).substr(0, static_cast<size_t>(file.gcount()));
    const bool own = bytes.substr(8, 8) == salts, whole = bytes.size() == frame.size();
    if (valid && own && whole) {
      checksum.Add(bytes.substr(0, 8));
      checksum.Add(bytes.substr(kFrameHeaderBytes));
      if (checksum.IsAt(bytes, 16)) {
        ++unfinished;
        if (BigEndian(bytes, 4) == 0) continue;
        ++report.transactions;
        report.frames += unfinished;
        unfinished = 0;
        continue;
      }
      report.damaged = true;
    }
    // A frame of other salts among frames of these is a damaged one.
    if (own && whole && !valid) report.damaged = true;
    valid = false;
    report.dropped += own ? 1 : 0;
  }
  report.dropped += unfinished;
}

}  // namespace

absl::StatusOr<bool> QuickCheck(Sqlite& database, absl::Duration limit) {
  absl::Notification done;
  bool interrupted = false;  // Read after the thread has ended.
  std::thread timer([&] {
    interrupted = !done.WaitForNotificationWithTimeout(limit);
    if (interrupted) sqlite3_interrupt(database.handle());
  });
  std::string problem;
  const absl::Status status = [&]() -> absl::Status {
    Statement check(database, "PRAGMA quick_check(1)");
    ASSIGN_OR_RETURN(const bool row, check.Step());
    if (row) problem = check.Text();
    return absl::OkStatus();
  }();
  done.Notify();
  timer.join();
  if (interrupted) return false;  // What it says then may be of its being stopped.
  RETURN_IF_ERROR(status);
  if (problem == "ok") return true;
  return absl::DataLossError(absl::StrCat("the database is damaged: ", problem,
                                          ". Restore a copy, or save what can be saved with sqlite3's .recover"));
}

absl::StatusOr<LogReport> ReadWriteAheadLog(const std::string& path) {
  LogReport report;
  std::error_code absent;
  if (std::filesystem::file_size(path, absent) == 0 || absent) return report;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::UnavailableError(absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  std::string header(kHeaderBytes, '\0');
  file.read(header.data(), kHeaderBytes);
  const uint32_t magic = BigEndian(header, 0), page_bytes = BigEndian(header, 8);
  Checksum checksum((magic & 1) != 0);
  checksum.Add(absl::string_view(header).substr(0, 24));
  if (file.gcount() < static_cast<std::streamsize>(kHeaderBytes) || (magic & ~1u) != kMagic ||
      page_bytes < kMinPageBytes || page_bytes > kMaxPageBytes || !std::has_single_bit(page_bytes) ||
      !checksum.IsAt(header, 24)) {
    report.damaged = true;
    return report;
  }
  ReadFrames(file, header, checksum, report);
  return report;
}

}  // namespace metronome::server
