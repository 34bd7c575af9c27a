#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_CHANGES_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_CHANGES_H_

#include <nlohmann/json.hpp>
#include <vector>

#include "server/pages/documents/history.h"

namespace metronome::pages {

// Where TPOT and TTFT of series change, as history.h describes "changes"; entries are in the order of their runs. Of
// long histories the newest part is searched, so that all series together take a second or two.
nlohmann::json Changes(const std::vector<History::Series>& series);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_CHANGES_H_
