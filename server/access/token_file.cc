#include "server/access/token_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"

namespace metronome::server {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 20;
constexpr size_t kMaxTokens = 1024;  // Each call is compared with all of them: 30 ns each.

absl::Status CheckMode(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  constexpr mode_t kForbidden = S_IRWXO | S_IWGRP;
  if (!S_ISREG(status.st_mode) || (status.st_mode & kForbidden) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrFormat("%s has mode %04o: others may read or write it, or its group may write it; chmod 600, or 640 for "
                      "a group that reads",
                      path, status.st_mode & 07777));
}

absl::Status CheckUnlike(const TokenEntry& entry, const std::vector<TokenEntry>& earlier) {
  for (const TokenEntry& other : earlier) {
    if (other.name == entry.name) return absl::InvalidArgumentError("an earlier line has the same name");
    if (SameHash(other.hash, entry.hash)) return absl::InvalidArgumentError("an earlier line has the same hash");
  }
  return absl::OkStatus();
}

}  // namespace

const TokenEntry* TokenSet::Find(absl::string_view token) const {
  const TokenHash hash = HashToken(token);
  const TokenEntry* found = nullptr;
  for (const TokenEntry& entry : entries_) {
    if (SameHash(entry.hash, hash)) found = &entry;
  }
  return found;
}

absl::StatusOr<TokenSet> ReadTokenFile(const std::string& path) {
  RETURN_IF_ERROR(CheckMode(path));
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path, kMaxFileBytes));
  std::vector<TokenEntry> entries;
  int number = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    absl::StatusOr<TokenEntry> entry = ParseTokenEntry(line);
    absl::Status status = entry.status();
    if (status.ok()) status = CheckUnlike(*entry, entries);
    if (status.ok() && entries.size() == kMaxTokens)
      status = absl::InvalidArgumentError(absl::StrCat("more than ", kMaxTokens, " tokens"));
    if (!status.ok()) return absl::Status(status.code(), absl::StrCat(path, ":", number, ": ", status.message()));
    entries.push_back(*std::move(entry));
  }
  // A file that was cut short must not lock everybody out.
  if (entries.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no token"));
  return TokenSet(std::move(entries));
}

}  // namespace metronome::server
