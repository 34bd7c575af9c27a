#include "runtime/access/token.h"

#include <cstdio>
#include <string>

#include "client/commands/commands.h"

namespace metronome::client {

ExitCode MakeToken(const std::string& name, const std::string& roles) {
  if (const absl::Status valid = CheckTokenName(name); !valid.ok()) return Report(valid);
  const absl::StatusOr<RoleSet> parsed = ParseRoles(roles);
  if (!parsed.ok()) return Report(parsed.status());
  const absl::StatusOr<std::string> token = NewToken();
  if (!token.ok()) return Report(token.status());
  std::printf("%s\n%s\n", token->c_str(),
              FormatTokenEntry({.name = name, .roles = *parsed, .hash = HashToken(*token)}).c_str());
  std::fprintf(stderr,
               "The first line is the token, shown this once: keep it in a file for --token-file.\n"
               "The second line belongs into the daemon's --tokens file; SIGHUP makes the daemon read it.\n");
  return ExitCode::kOk;
}

}  // namespace metronome::client
