#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <string>

#include "server/config.h"
#include "server/daemon.h"
#include "server/logging.h"

namespace {

// Blocks the signals that end the daemon in this and all later threads, for sigtimedwait to take.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = metronome::ParseCommandLine(argc, argv);
  if (!parsed.ok()) {
    std::fprintf(stderr, "metronomed: %s\n", std::string(parsed.status().message()).c_str());
    return 2;
  }
  if (!parsed->has_value()) return 0;
  metronome::ConfigureLogging((*parsed)->log_level, (*parsed)->log_format);
  const sigset_t signals = BlockStopSignals();
  std::signal(SIGPIPE, SIG_IGN);

  const auto daemon = metronome::Daemon::Start(**parsed);
  if (!daemon.ok()) {
    spdlog::error("{}", std::string(daemon.status().message()));
    return 1;
  }
  constexpr timespec kTick = {.tv_sec = 1, .tv_nsec = 0};
  while (sigtimedwait(&signals, nullptr, &kTick) < 0) (*daemon)->Tick();
  (*daemon)->Stop();
  return 0;
}
