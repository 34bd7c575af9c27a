#ifndef METRONOME_SERVER_PAGES_PAGE_H_
#define METRONOME_SERVER_PAGES_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace metronome::pages {

enum class PageKind {
  kFile,    // Asks nobody for anything: whatever it needs is inside, and its policy forbids the rest.
  kServed,  // May ask the server that it came from for a newer document.
};

// A document (report.h, history.h) as one HTML file with its styles, its scripts and Chart.js inside.
std::string Page(absl::string_view document, PageKind kind);

// JSON as the content of a script element: no text in it can end the element or begin a comment.
std::string EscapeForScript(absl::string_view json);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_PAGE_H_
