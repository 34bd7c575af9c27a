#include "client/render/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace metronome::client {
namespace {

constexpr int kBarWidth = 30;

}  // namespace

ProgressDisplay::ProgressDisplay() : terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressDisplay::Update(absl::string_view subject, absl::string_view phase, double fraction) {
  const std::string line = absl::StrCat(subject, ": ", phase);
  if (!terminal_) {
    if (line != last_) std::fprintf(stderr, "%s\n", line.c_str());
    last_ = line;
    return;
  }
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
  std::fprintf(stderr, "\r\033[K%s [%s%s] %3.0f%%", line.c_str(), std::string(filled, '#').c_str(),
               std::string(kBarWidth - filled, '.').c_str(), 100 * std::clamp(fraction, 0.0, 1.0));
  std::fflush(stderr);
}

void ProgressDisplay::Clear() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace metronome::client
