#include "server/pages/documents/document.h"

namespace metronome::pages {

nlohmann::json NewDocument(const char* kind, const std::string& title, int64_t now_unix_micros,
                           const std::optional<Live>& live) {
  nlohmann::json document = {{"kind", kind},
                             {"format", 1},
                             {"version", METRONOME_VERSION},
                             {"title", title},
                             {"generated_unix_micros", now_unix_micros}};
  if (live.has_value())
    document["live"] = {{"document", live->document}, {"tag", live->tag}, {"seconds", live->seconds}};
  return document;
}

}  // namespace metronome::pages
