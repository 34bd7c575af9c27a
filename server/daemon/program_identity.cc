#include "server/daemon/program_identity.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "server/build_info.h"

namespace metronome::server {

std::string ProgramIdentity() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const uintmax_t size = std::filesystem::file_size(program, error);
  const auto written = std::filesystem::last_write_time(program, error).time_since_epoch().count();
  return absl::StrCat(kVersion, " ", kBuildCommit, " ", size, " ", written);
}

}  // namespace metronome::server
