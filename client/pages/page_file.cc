#include "client/pages/page_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace metronome::client {

absl::Status WritePage(const std::string& path, absl::string_view page) {
  if (path == "-") {
    if (std::fwrite(page.data(), 1, page.size(), stdout) != page.size() || std::fflush(stdout) != 0)
      return absl::ErrnoToStatus(errno, "cannot write to standard output");
    return absl::OkStatus();
  }
  const std::string unfinished = absl::StrCat(path, ".unfinished");
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  file.write(page.data(), static_cast<std::streamsize>(page.size()));
  file.close();
  std::error_code error;
  if (!file) {
    const int number = errno;
    std::filesystem::remove(unfinished, error);
    return absl::ErrnoToStatus(number, absl::StrCat("cannot write ", path));
  }
  std::filesystem::rename(unfinished, path, error);
  if (!error) return absl::OkStatus();
  const int number = error.value();
  std::filesystem::remove(unfinished, error);
  return absl::ErrnoToStatus(number, absl::StrCat("cannot write ", path));
}

}  // namespace metronome::client
