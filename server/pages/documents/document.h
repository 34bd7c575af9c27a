#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_DOCUMENT_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_DOCUMENT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "server/pages/live.h"

namespace metronome::pages {

// What all documents begin with.
nlohmann::json NewDocument(const char* kind, const std::string& title, int64_t now_unix_micros,
                           const std::optional<Live>& live);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_DOCUMENT_H_
