#ifndef METRONOME_CLIENT_PAGES_FINISH_PAGE_H_
#define METRONOME_CLIENT_PAGES_FINISH_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/commands/exit_code.h"

namespace metronome::client {

// What both commands that write a page take.
struct PageOptions {
  std::string output;  // HTML file, "-" for standard output; empty = a name of the command's.
  std::string png;     // Picture of it besides; empty = none.
  std::string title;   // Empty = the page's own.
};

// Writes the page, and the picture where one is asked for, and says on standard error what was written.
ExitCode FinishPage(const PageOptions& options, const std::string& default_name, absl::string_view page);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_PAGES_FINISH_PAGE_H_
