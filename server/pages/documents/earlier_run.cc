#include "server/pages/documents/earlier_run.h"

#include "server/pages/cell_key.h"

namespace metronome::pages {

std::string EarlierRun(const v1::Run& run, const v1::ListRunsResponse& runs) {
  const v1::Run* newest = nullptr;
  for (const v1::Run& other : runs.runs()) {
    if (other.state() != "complete" || other.mode() != run.mode() || other.run_id() == run.run_id() ||
        other.started_unix_micros() >= run.started_unix_micros() || other.server().host() != run.server().host() ||
        DeviceName(other.server()) != DeviceName(run.server()))
      continue;
    if (newest == nullptr || other.started_unix_micros() > newest->started_unix_micros()) newest = &other;
  }
  return newest == nullptr ? "" : newest->run_id();
}

}  // namespace metronome::pages
