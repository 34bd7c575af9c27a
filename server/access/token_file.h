#ifndef METRONOME_SERVER_ACCESS_TOKEN_FILE_H_
#define METRONOME_SERVER_ACCESS_TOKEN_FILE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/access/token.h"

namespace metronome::server {

// The tokens that a daemon accepts. Immutable, so thread-safe.
class TokenSet {
 public:
  explicit TokenSet(std::vector<TokenEntry> entries) : entries_(std::move(entries)) {}

  // The entry of `token`, or nullptr. Compares with every entry, so that the time tells neither which one matched nor
  // how nearly. Lives as long as the set.
  const TokenEntry* Find(absl::string_view token) const;
  size_t size() const { return entries_.size(); }

 private:
  std::vector<TokenEntry> entries_;
};

// Reads a file of lines as FormatTokenEntry writes them; empty lines and those that begin with '#' do not count.
// InvalidArgument with file:line for a malformed line and for a name or hash that an earlier line has, without a line
// for a file of no token, more than 1024 tokens or 1 MiB. PermissionDenied when others may read or write the file, or
// the group may write it. Errors of ReadRegularFile.
absl::StatusOr<TokenSet> ReadTokenFile(const std::string& path);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_TOKEN_FILE_H_
