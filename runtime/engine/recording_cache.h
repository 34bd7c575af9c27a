#ifndef METRONOME_RUNTIME_ENGINE_RECORDING_CACHE_H_
#define METRONOME_RUNTIME_ENGINE_RECORDING_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "kernels/interface/backend.h"

namespace metronome::runtime {

// All that a recording of a step is fixed to: the number of tokens, the layout of temporaries, addresses, shapes.
using StepPlace = std::vector<uint64_t>;

// The recordings of one plan by place, those visited last kept: sessions take turns, and prompts have a few lengths.
class RecordingCache {
 public:
  struct Entry {
    StepPlace place;
    int64_t visits = 0;
    std::unique_ptr<kernels::Recording> recording;
  };
  static constexpr size_t kMostEntries = 16;

  // Counts a visit to the place. The entry is valid until the next Visit.
  Entry& Visit(const StepPlace& place);
  size_t size() const { return entries_.size(); }

 private:
  std::list<Entry> entries_;  // Visited last first.
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_RECORDING_CACHE_H_
