#include "client/pages/finish_page.h"

#include <cstdio>

#include "client/commands/commands.h"
#include "client/pages/page_file.h"
#include "client/render/format.h"

namespace metronome::client {

ExitCode FinishPage(const PageOptions& options, const std::string& default_name, absl::string_view page) {
  const std::string path = options.output.empty() ? default_name : options.output;
  if (path == "-" && !options.png.empty())
    return Report(absl::InvalidArgumentError("--png is drawn from a file: give -o one instead of -"));
  if (const absl::Status status = WritePage(path, page); !status.ok()) return Report(status);
  if (path != "-")
    std::fprintf(stderr, "Wrote %s, %s.\n", path.c_str(), FormatBytes(static_cast<int64_t>(page.size())).c_str());
  if (options.png.empty()) return ExitCode::kOk;
  if (const absl::Status status = RenderPng(path, options.png); !status.ok()) return Report(status);
  std::fprintf(stderr, "Wrote %s.\n", options.png.c_str());
  return ExitCode::kOk;
}

}  // namespace metronome::client
