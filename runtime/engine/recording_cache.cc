#include "runtime/engine/recording_cache.h"

#include <algorithm>

namespace metronome::runtime {

RecordingCache::Entry& RecordingCache::Visit(const StepPlace& place) {
  const auto at =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.place == place; });
  if (at != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, at);
  } else {
    if (entries_.size() == kMostEntries) entries_.pop_back();
    entries_.push_front({.place = place});
  }
  ++entries_.front().visits;
  return entries_.front();
}

}  // namespace metronome::runtime
