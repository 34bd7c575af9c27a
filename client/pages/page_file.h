#ifndef METRONOME_CLIENT_PAGES_PAGE_FILE_H_
#define METRONOME_CLIENT_PAGES_PAGE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome::client {

// Writes a file whole or not at all: what was there stays on error. "-" is standard output. PermissionDenied, NotFound
// and other errors of the file system, naming the path.
absl::Status WritePage(const std::string& path, absl::string_view page);

// Renders an HTML file as a PNG of its whole height, at most 16,000 pixels, 1280 wide, with a Chromium of this machine
// that asks nobody for anything. FailedPrecondition where none is installed, Internal where it fails.
absl::Status RenderPng(const std::string& html_path, const std::string& png_path);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_PAGES_PAGE_FILE_H_
