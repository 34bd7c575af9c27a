#ifndef METRONOME_CLIENT_RENDER_PROGRESS_H_
#define METRONOME_CLIENT_RENDER_PROGRESS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace metronome::client {

// Progress on standard error: a bar that redraws itself on a terminal, a plain line for each phase elsewhere.
class ProgressDisplay {
 public:
  ProgressDisplay();
  // `subject` is what progresses ("[2/9] llama-3.2-1b"); fraction in [0, 1].
  void Update(absl::string_view subject, absl::string_view phase, double fraction);
  // Clears the bar.
  void Clear();

 private:
  bool terminal_;
  std::string last_;  // Subject and phase of the line printed last.
};

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_PROGRESS_H_
