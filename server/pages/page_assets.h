#ifndef METRONOME_SERVER_PAGES_PAGE_ASSETS_H_
#define METRONOME_SERVER_PAGES_PAGE_ASSETS_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace metronome::pages {

// The files of web/ and Chart.js, as the build found them.
absl::string_view PageTemplate();
const std::vector<absl::string_view>& PageStyles();
const std::vector<absl::string_view>& PageScripts();  // Each uses those before it.

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_PAGE_ASSETS_H_
