#include "runtime/text/text_file.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace metronome {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  constexpr uint64_t kMaxBytes = uint64_t{256} << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("cannot read ", path, ": ", error.message()));
  if (bytes > kMaxBytes)
    return absl::InvalidArgumentError(absl::StrCat(path, " has ", bytes, " bytes, over ", kMaxBytes));
  std::string text(bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(bytes));
  if (static_cast<uint64_t>(file.gcount()) != bytes)
    return absl::InvalidArgumentError(absl::StrCat("read ", file.gcount(), " of ", bytes, " bytes of ", path));
  return text;
}

}  // namespace metronome
