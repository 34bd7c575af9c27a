#include "runtime/access/token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernels/base/status_macros.h"

namespace metronome {
namespace {

constexpr size_t kTokenBytes = 32;
constexpr size_t kMaxNameBytes = 64;

absl::StatusOr<TokenHash> ParseHash(absl::string_view text) {
  TokenHash hash;
  if (text.size() != 2 * hash.size() || !std::all_of(text.begin(), text.end(), absl::ascii_isxdigit))
    return absl::InvalidArgumentError(absl::StrCat("the hash is not ", 2 * hash.size(), " hexadecimal digits"));
  const std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

absl::string_view Bytes(const TokenHash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

}  // namespace

absl::StatusOr<std::string> NewToken() {
  std::array<unsigned char, kTokenBytes> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return absl::InternalError("the system gave no random bytes");
  // The prefix lets those who search for secrets in the wrong places find them.
  std::string token = "metronome_";
  std::string random;
  absl::WebSafeBase64Escape({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, &random);
  return token + random;
}

TokenHash HashToken(absl::string_view token) {
  TokenHash hash;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.data());
  return hash;
}

bool SameHash(const TokenHash& a, const TokenHash& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

absl::Status CheckTokenName(absl::string_view name) {
  const bool characters = std::all_of(
      name.begin(), name.end(), [](char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; });
  if (!name.empty() && name.size() <= kMaxNameBytes && characters) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the name is not 1 to ", kMaxNameBytes, " letters, digits, dots, dashes and underscores"));
}

absl::StatusOr<TokenEntry> ParseTokenEntry(absl::string_view line) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (fields.size() != 3)
    return absl::InvalidArgumentError(absl::StrCat(fields.size(), " fields, not name, roles, hash"));
  RETURN_IF_ERROR(CheckTokenName(fields[0]));
  TokenEntry entry = {.name = std::string(fields[0])};
  ASSIGN_OR_RETURN(entry.roles, ParseRoles(fields[1]));
  ASSIGN_OR_RETURN(entry.hash, ParseHash(fields[2]));
  return entry;
}

std::string FormatTokenEntry(const TokenEntry& entry) {
  return absl::StrCat(entry.name, " ", RoleNames(entry.roles), " ", absl::BytesToHexString(Bytes(entry.hash)));
}

}  // namespace metronome
