#ifndef METRONOME_RUNTIME_ACCESS_TOKEN_H_
#define METRONOME_RUNTIME_ACCESS_TOKEN_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/access/role.h"

namespace metronome {

// SHA-256 of a token. A plain hash is enough, for a token has 256 random bits that nobody can guess.
using TokenHash = std::array<uint8_t, 32>;

// What a daemon knows of a token: everything but the token.
struct TokenEntry {
  std::string name;
  RoleSet roles;
  TokenHash hash = {};
};

// A new secret: "metronome_" and 256 random bits in base64url. Internal when the system has no randomness.
absl::StatusOr<std::string> NewToken();

TokenHash HashToken(absl::string_view token);

// Whether two hashes are equal, in a time that does not depend on them.
bool SameHash(const TokenHash& a, const TokenHash& b);

// InvalidArgument for a name that is empty, longer than 64 bytes, or has anything but letters, digits, '.', '_', '-'.
absl::Status CheckTokenName(absl::string_view name);

// A line of a token file, "name roles hash": the roles as ParseRoles takes them, the hash as 64 hexadecimal digits.
// InvalidArgument saying what is wrong without quoting any of it, for who mistook the fields may have written a secret.
absl::StatusOr<TokenEntry> ParseTokenEntry(absl::string_view line);
std::string FormatTokenEntry(const TokenEntry& entry);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_ACCESS_TOKEN_H_
